(text) => {
	// A file out of what the page already has: nothing is asked for.
	const link = document.createElement("a");
	link.href = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
	link.download = "NAME";
	link.click();
	URL.revokeObjectURL(link.href);
	return [];
}
