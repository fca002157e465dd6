// Before anything is painted: what this browser chose, and that scripts run at all.
const root = document.documentElement;
root.dataset.scripts = "";
for (const name of ["theme", "sidebar"]) {
  try {
    const value = localStorage.getItem(`umbel-${name}`);
    if (value) root.dataset[name] = value;
  } catch {
    // A browser that keeps nothing: the system's theme, an open sidebar.
  }
}
