(id, browser) => {
	// What is shown holds invisible word joiners where HTML would begin; what is copied does not.
	const clean = (text) => text.replaceAll("\u2060", "");
	if (navigator.clipboard && !navigator.clipboard.cleans) {
		const write = navigator.clipboard.writeText.bind(navigator.clipboard);
		navigator.clipboard.writeText = (text) => write(clean(text));
		navigator.clipboard.cleans = true;
	}
	if (!document.cleans) {
		document.cleans = true;
		document.addEventListener("copy", (event) => {
			// Without a clipboard of its own (plain HTTP) a button copies from a hidden field.
			const field = document.activeElement;
			const selected =
				field instanceof HTMLTextAreaElement
					? field.value.slice(field.selectionStart, field.selectionEnd)
					: String(document.getSelection());
			if (selected.includes("\u2060") && event.clipboardData) {
				event.clipboardData.setData("text/plain", clean(selected));
				event.preventDefault();
			}
		});
	}

	// Gradio gives these two a picture and no name.
	const names = navigator.language.startsWith("zh") ? ["发送", "停止"] : ["Send", "Stop"];
	const name = (selector, text) => {
		for (const button of document.querySelectorAll(selector)) {
			if (button.getAttribute("aria-label") !== text) {
				button.setAttribute("aria-label", text);
			}
		}
	};
	const named = () => {
		name(".box .submit-button", names[0]);
		name(".box .stop-button", names[1]);
	};
	named();
	if (!document.named) {
		// A tab that was not open yet has no box yet.
		document.named = new MutationObserver(named);
		document.named.observe(document.body, { childList: true, subtree: true });
	}

	if (window.innerWidth < 768) {
		document.querySelector(".sidebar.open .toggle-button")?.click();
	}

	// Each tab has a conversation of its own, which a reload does not end; what a browser keeps
	// is known by another number.
	const known = (storage, key) => {
		let kept = null;
		try {
			kept = window[storage].getItem(key);
		} catch {}
		if (!kept || !/^[0-9a-f]{32}$/.test(kept)) {
			const bytes = crypto.getRandomValues(new Uint8Array(16));
			kept = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
			try {
				window[storage].setItem(key, kept);
			} catch {}
		}
		return kept;
	};
	return [known("sessionStorage", "fastchat-session"), known("localStorage", "fastchat-browser")];
}
