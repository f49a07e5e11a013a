//! What was measured, as tables: for people as Markdown, for programs as JSON. A figure stands beside its floor, measured in the
//! same run on the same machine, so that the ratio says something elsewhere too.

use std::fmt::{self, Display, Formatter};

use serde_json::{Map, Value, json};

/// A figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell {
    /// A number and how many of its decimals say something.
    Number(f64, usize),
    /// It was not measured, or there is none.
    None,
}

impl Cell {
    /// A whole number.
    #[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
    pub fn count(number: u64) -> Self {
        Self::Number(number as f64, 0)
    }

    fn json(self) -> Value {
        match self {
            Self::Number(value, decimals) => {
                let rounded: f64 = format!("{value:.decimals$}").parse().unwrap_or(value);
                json!(rounded)
            }
            Self::None => Value::Null,
        }
    }
}

impl Display for Cell {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(value, decimals) => write!(f, "{value:.decimals$}"),
            Self::None => f.write_str("–"),
        }
    }
}

/// A line of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What was measured.
    pub name: String,
    /// Its figures, one a column.
    pub cells: Vec<Cell>,
}

/// Figures of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Its name in the JSON.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// How it was measured, and what its floor is.
    pub about: String,
    /// What the lines are.
    pub of: &'static str,
    /// What the figures are, with their unit.
    pub columns: Vec<&'static str>,
    /// The lines.
    pub rows: Vec<Row>,
}

impl Table {
    /// The figure of a line and a column, both by name.
    pub fn figure(&self, row: &str, column: &str) -> Option<f64> {
        let column = self.columns.iter().position(|name| *name == column)?;
        match self.rows.iter().find(|line| line.name == row)?.cells.get(column)? {
            Cell::Number(value, _) => Some(*value),
            Cell::None => None,
        }
    }

    fn json(&self) -> Value {
        let line = |row: &Row| -> Map<String, Value> {
            self.columns.iter().zip(&row.cells).map(|(name, cell)| ((*name).to_owned(), cell.json())).collect()
        };
        let rows: Map<String, Value> = self.rows.iter().map(|row| (row.name.clone(), Value::Object(line(row)))).collect();
        json!({"about": self.about, "rows": rows})
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let heads = std::iter::once(self.of).chain(self.columns.iter().copied()).map(str::to_owned).collect::<Vec<_>>();
        let body = self
            .rows
            .iter()
            .map(|row| std::iter::once(row.name.clone()).chain(row.cells.iter().map(ToString::to_string)).collect::<Vec<_>>());
        let lines: Vec<Vec<String>> = std::iter::once(heads.clone()).chain(body).collect();
        let width = |column: usize| {
            lines.iter().filter_map(|line| line.get(column)).map(|text| text.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..heads.len()).map(width).collect();
        writeln!(f, "## {}\n\n{}\n", self.title, self.about)?;
        for (number, line) in lines.iter().enumerate() {
            write!(f, "|")?;
            for (column, width) in widths.iter().copied().enumerate() {
                let text = line.get(column).map_or("", String::as_str);
                // Names to the left, figures to the right.
                if column == 0 { write!(f, " {text:<width$} |")? } else { write!(f, " {text:>width$} |")? }
            }
            writeln!(f)?;
            if number == 0 {
                write!(f, "|")?;
                for (column, width) in widths.iter().enumerate() {
                    write!(f, " {}{} |", "-".repeat(width - 1), if column == 0 { "-" } else { ":" })?;
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}

/// What the bundle sets itself, and what came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// What is limited.
    pub what: String,
    /// The most that is good.
    pub limit: f64,
    /// The worst that was measured.
    pub found: f64,
    /// Where that was.
    pub at: String,
}

impl Goal {
    /// Whether it was reached.
    pub fn met(&self) -> bool {
        self.found <= self.limit
    }
}

/// All of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Where and when, by name: machine, commit, day, options.
    pub circumstances: Vec<(&'static str, String)>,
    /// The figures.
    pub tables: Vec<Table>,
    /// How they compare to what was meant.
    pub goals: Vec<Goal>,
}

impl Report {
    /// The table of that name, if it was measured.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let circumstances: Map<String, Value> =
            self.circumstances.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let tables: Map<String, Value> = self.tables.iter().map(|table| (table.name.to_owned(), table.json())).collect();
        let goals: Vec<Value> = self
            .goals
            .iter()
            .map(|goal| json!({"what": goal.what, "limit": goal.limit, "found": goal.found, "at": goal.at, "met": goal.met()}))
            .collect();
        json!({"circumstances": circumstances, "tables": tables, "goals": goals})
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.circumstances {
            writeln!(f, "{name}: {value}  ")?;
        }
        for table in &self.tables {
            write!(f, "\n{table}")?;
        }
        if !self.goals.is_empty() {
            writeln!(f, "\n## Goals\n\n| goal | limit | found | where | met |\n| --- | ---: | ---: | --- | --- |")?;
        }
        for goal in &self.goals {
            let met = if goal.met() { "yes" } else { "no" };
            writeln!(f, "| {} | {} | {:.2} | {} | {met} |", goal.what, goal.limit, goal.found, goal.at)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        Table {
            name: "sizes",
            title: "Sizes",
            about: "How large.".to_owned(),
            of: "function",
            columns: vec!["MB", "over the floor"],
            rows: vec![
                Row { name: "floor".to_owned(), cells: vec![Cell::Number(1.0, 1), Cell::None] },
                Row { name: "deliver".to_owned(), cells: vec![Cell::Number(2.26, 1), Cell::Number(2.26, 2)] },
            ],
        }
    }

    #[test]
    fn a_table_is_aligned_markdown() {
        let expected = "## Sizes\n\nHow large.\n\n\
            | function |  MB | over the floor |\n\
            | -------- | --: | -------------: |\n\
            | floor    | 1.0 |              – |\n\
            | deliver  | 2.3 |           2.26 |\n";
        assert_eq!(table().to_string(), expected);
    }

    #[test]
    fn figures_are_found_by_name() {
        assert_eq!(table().figure("deliver", "over the floor"), Some(2.26));
        assert_eq!((table().figure("floor", "over the floor"), table().figure("floor", "kB")), (None, None));
    }

    #[test]
    fn a_program_reads_the_same() {
        let goal = Goal { what: "MB".to_owned(), limit: 2.0, found: 2.26, at: "deliver".to_owned() };
        let report = Report { circumstances: vec![("day", "today".to_owned())], tables: vec![table()], goals: vec![goal] };
        let json = report.json();
        assert_eq!(json["tables"]["sizes"]["rows"]["deliver"]["MB"], 2.3);
        assert_eq!(json["tables"]["sizes"]["rows"]["floor"]["over the floor"], Value::Null);
        assert_eq!((&json["goals"][0]["met"], &json["circumstances"]["day"]), (&json!(false), &json!("today")));
        assert!(report.to_string().contains("| MB | 2 | 2.26 | deliver | no |"));
    }
}
