"use strict";
// Tables are sorted by their header's buttons; what was not measured stays last.
for (const button of document.querySelectorAll("th button"))
  button.addEventListener("click", () => {
    const th = button.parentElement, body = th.closest("table").tBodies[0];
    const down = th.getAttribute("aria-sort") === "ascending" ||
      !th.hasAttribute("aria-sort") && th.classList.contains("n");
    const key = row => {
      const cell = row.cells[th.cellIndex];
      if (cell.title === "not measured") return null;
      return "v" in cell.dataset ? Number(cell.dataset.v) : cell.textContent;
    };
    const rows = [...body.rows].map(row => [key(row), row]);
    rows.sort(([a], [b]) => {
      if (a === null || b === null) return (a === null) - (b === null);
      const order = typeof a === "number" && typeof b === "number" ?
        a - b : String(a).localeCompare(String(b), "en", {numeric: true});
      return down ? -order : order;
    });
    for (const other of th.parentElement.cells)
      other.removeAttribute("aria-sort");
    th.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows.map(([, row]) => row));
  });
const save = document.getElementById("save");
save.hidden = false;
save.addEventListener("click", () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob(
    [document.getElementById("facts").textContent],
    {type: "application/json"}));
  link.download = "yolotune-report.json";
  link.click();
  URL.revokeObjectURL(link.href);
});
