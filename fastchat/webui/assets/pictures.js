() => {
	// Pictures beside a question: chosen, dropped or pasted, made small here, and sent with it. Each
	// box has a tray, which shows what it holds. Drawing them anew leaves out where and with what they
	// were taken, and whatever else a file may hold.
	if (window.pictures) {
		return [];
	}
	const MOST = 4, CHARACTERS = 400_000, EDGE = 1280, FILE_BYTES = 30_000_000;
	const texts = WORDS;
	const words = texts[navigator.language.slice(0, 2)] ?? texts.en;
	const boxes = new Map();

	const state = (id) => {
		if (!boxes.has(id)) {
			boxes.set(id, { kept: [], may: false, offered: false, why: "" });
		}
		return boxes.get(id);
	};
	const trayOf = (id) => document.querySelector(`.tray[data-box="${id}"]`);
	const tell = (id, text) => {
		const told = trayOf(id)?.querySelector(".told");
		if (told && told.textContent !== text) {
			told.textContent = text;
		}
	};

	const show = (id) => {
		const tray = trayOf(id), box = state(id);
		if (!tray) {
			return;
		}
		const button = tray.querySelector(".add");
		button.hidden = !box.offered;
		button.classList.toggle("idle", !box.may);
		button.setAttribute("aria-label", words.picture_add);
		button.title = box.may ? words.picture_add : box.why;
		const kept = tray.querySelector(".kept");
		kept.replaceChildren(
			...box.kept.filter((one) => one.url).map((one) => {
				const remove = document.createElement("button");
				remove.type = "button";
				remove.className = "remove";
				remove.textContent = "×";
				remove.setAttribute("aria-label", words.picture_remove);
				remove.addEventListener("click", () => {
					box.kept = box.kept.filter((other) => other !== one);
					tell(id, "");
					show(id);
				});
				const picture = document.createElement("img");
				picture.src = one.url;
				picture.alt = "";
				const frame = document.createElement("span");
				frame.append(picture, remove);
				return frame;
			}),
		);
		if (box.kept.length && !box.may) {
			tell(id, box.why);
		}
	};

	const drawn = (bitmap, size, type) => {
		const canvas = document.createElement("canvas");
		canvas.width = Math.max(1, Math.round(bitmap.width * size));
		canvas.height = Math.max(1, Math.round(bitmap.height * size));
		const paper = canvas.getContext("2d");
		if (type === "image/jpeg") {
			paper.fillStyle = "#ffffff";
			paper.fillRect(0, 0, canvas.width, canvas.height);
		}
		paper.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
		return canvas.toDataURL(type, 0.85);
	};
	const small = async (file) => {
		if (!file.type.startsWith("image/") || file.type.includes("svg")) {
			throw words.picture_kind;
		}
		if (file.size > FILE_BYTES) {
			throw words.picture_large;
		}
		let bitmap;
		try {
			bitmap = await createImageBitmap(file);
		} catch {
			throw words.picture_kind;
		}
		const fit = Math.min(1, EDGE / Math.max(bitmap.width, bitmap.height));
		const types = file.type === "image/jpeg" ? ["image/jpeg"] : ["image/png", "image/jpeg"];
		try {
			for (const step of [1, 0.7, 0.5, 0.3]) {
				for (const type of types) {
					const url = drawn(bitmap, fit * step, type);
					if (url.length <= CHARACTERS) {
						return url;
					}
				}
			}
		} finally {
			bitmap.close();
		}
		throw words.picture_large;
	};

	const add = (id, files) => {
		const box = state(id);
		if (!box.may) {
			tell(id, box.why);
			return;
		}
		tell(id, "");
		for (const file of files) {
			if (box.kept.length >= MOST) {
				tell(id, words.picture_many);
				return;
			}
			const one = { url: "" };
			box.kept.push(one);
			one.coming = small(file)
				.then((url) => {
					one.url = url;
				})
				.catch((why) => {
					box.kept = box.kept.filter((other) => other !== one);
					tell(id, typeof why === "string" ? why : words.picture_kind);
				})
				.finally(() => show(id));
		}
	};

	const open = () =>
		[...document.querySelectorAll(".tray")].find((tray) => tray.closest(".asking")?.offsetParent);
	const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
	const dropping = (is) => open()?.closest(".talk")?.classList.toggle("dropping", is);

	document.addEventListener("click", (event) => {
		const button = event.target.closest?.(".tray .add");
		if (!button) {
			return;
		}
		const tray = button.closest(".tray"), box = state(tray.dataset.box);
		box.may ? tray.querySelector("input").click() : tell(tray.dataset.box, box.why);
	});
	document.addEventListener("change", (event) => {
		const tray = event.target.closest?.(".tray");
		if (tray && event.target.files) {
			add(tray.dataset.box, [...event.target.files]);
			event.target.value = "";
		}
	});
	document.addEventListener("paste", (event) => {
		const files = [...(event.clipboardData?.files ?? [])];
		const tray = open();
		// What an office program copies is a text that has a picture beside it.
		if (tray && files.length && !event.clipboardData.types.includes("text/plain")) {
			event.preventDefault();
			add(tray.dataset.box, files);
		}
	}, true);
	for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
		document.addEventListener(name, (event) => {
			if (!carries(event)) {
				return;
			}
			event.preventDefault(); // else the browser leaves the page for the file
			dropping(name === "dragover" || name === "dragenter");
			if (name === "drop" && open()) {
				add(open().dataset.box, [...event.dataTransfer.files]);
			}
		}, true);
	}

	window.pictures = {
		// `models` that are asked; without any two are drawn among those that see.
		allow: (id, told, models) => {
			const seeing = told ? JSON.parse(told) : { shown: [], blind: [], drawn: 0 };
			const box = state(id), names = seeing.shown.join(", ");
			box.offered = models.length ? seeing.shown.length > 0 : seeing.drawn > 1;
			// A model that is away is not called blind.
			box.may = box.offered && !models.some((model) => seeing.blind.includes(model));
			box.why = names && models.length
				? words.picture_blind.replace("{models}", names)
				: words.picture_none;
			tell(id, "");
			show(id);
		},
		take: async (id) => {
			const box = state(id), taken = box.kept;
			box.kept = []; // what comes from now on goes with the next question
			await Promise.all(taken.map((one) => one.coming));
			const urls = taken.map((one) => one.url).filter(Boolean);
			tell(id, "");
			show(id);
			return urls.length ? JSON.stringify(urls) : "";
		},
		give: (id, told) => {
			if (told) {
				state(id).kept = JSON.parse(told).map((url) => ({ url }));
				show(id);
			}
		},
	};
	// A tab that was not open yet has no tray yet.
	new MutationObserver(() => {
		for (const id of boxes.keys()) {
			if (trayOf(id)?.querySelector(".add").hidden === state(id).offered) {
				show(id);
			}
		}
	}).observe(document.body, { childList: true, subtree: true });
	return [];
}
