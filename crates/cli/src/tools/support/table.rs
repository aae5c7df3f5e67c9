//! Tables in the layout of Kafka's tools: left-aligned columns as wide as their widest cell.

/// Lines of cells; the first may be the heads.
#[derive(Default)]
pub struct Table(Vec<Vec<String>>);

impl Table {
    /// A table with these heads.
    pub fn new<'h>(heads: impl IntoIterator<Item = &'h str>) -> Self {
        Self(vec![heads.into_iter().map(str::to_owned).collect()])
    }

    pub fn push<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.0.push(cells.into_iter().map(Into::into).collect());
    }

    /// One string a line; each cell is followed by a tabulator.
    pub fn tabbed(&self) -> Vec<String> {
        let widths = self.widths();
        let line = |cells: &Vec<String>| {
            let cells = cells.iter().zip(&widths);
            cells.map(|(cell, width)| format!("{cell:width$}\t")).collect::<String>()
        };
        self.0.iter().map(line).collect()
    }

    /// The widest cell of each column.
    fn widths(&self) -> Vec<usize> {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column| {
            let cells = self.0.iter().filter_map(|line: &Vec<String>| line.get(column));
            cells.map(|cell: &String| cell.chars().count()).max().unwrap_or(0)
        };
        (0..columns).map(width).collect()
    }

    /// One string a line; a column is at least as wide as `least` says; cells are followed by one
    /// space, the last one too where `trailing`.
    pub fn lines(&self, least: &[usize], trailing: bool) -> Vec<String> {
        let widths = self.widths();
        let width = |column: usize| {
            let own = widths.get(column).copied().unwrap_or(0);
            own.max(least.get(column).copied().unwrap_or(0))
        };
        let line = |cells: &Vec<String>| {
            let padded: Vec<String> =
                cells.iter().enumerate().map(|(i, cell)| format!("{cell:0$}", width(i))).collect();
            let mut line = padded.join(" ");
            if trailing {
                line.push(' ');
            }
            line
        };
        self.0.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_as_asked() {
        let mut table = Table::new(["GROUP", "TOPIC"]);
        table.push(["a-long-group", "t"]);
        let lines = table.lines(&[0, 8], true);
        assert_eq!(lines, ["GROUP        TOPIC    ", "a-long-group t        "]);
        assert_eq!(table.lines(&[], false)[1], "a-long-group t    ");
        assert_eq!(table.tabbed()[1], "a-long-group\tt    \t");
    }
}
