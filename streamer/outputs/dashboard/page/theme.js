// Before anything is drawn: the theme that was chosen on this device. Dark halls come first.
document.documentElement.dataset.theme = localStorage.getItem("theme") === "light" ? "light" : "dark";
