// Applies the theme chosen on this device before anything is drawn. Default: dark, for dark venues.
document.documentElement.dataset.theme = localStorage.getItem("theme") === "light" ? "light" : "dark";
