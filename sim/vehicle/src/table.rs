//! Piecewise-linear tables.

/// `y(x)` given at rising `x`, linear in between, constant beyond the ends.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    points: Vec<[f64; 2]>,
}

impl Table {
    /// `points` must be non-empty and rise in x; `VehicleParams::validate` has seen to it.
    pub(crate) fn new(points: impl IntoIterator<Item = [f64; 2]>) -> Self {
        Table { points: points.into_iter().collect() }
    }

    pub(crate) fn at(&self, x: f64) -> f64 {
        let upper = self.points.iter().position(|point| point[0] >= x).unwrap_or(self.points.len());
        if upper == 0 {
            return self.points[0][1];
        }
        let Some(b) = self.points.get(upper) else { return self.points[upper - 1][1] };
        let a = self.points[upper - 1];
        a[1] + (b[1] - a[1]) * (x - a[0]) / (b[0] - a[0])
    }

    /// The value and its slope.
    pub(crate) fn with_slope_at(&self, x: f64) -> [f64; 2] {
        let upper = self.points.iter().position(|point| point[0] >= x).unwrap_or(self.points.len());
        if upper == 0 {
            return [self.points[0][1], 0.0];
        }
        let Some(b) = self.points.get(upper) else { return [self.points[upper - 1][1], 0.0] };
        let a = self.points[upper - 1];
        let slope = (b[1] - a[1]) / (b[0] - a[0]);
        [a[1] + slope * (x - a[0]), slope]
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn a_table_is_linear_inside_and_constant_outside() {
        let table = Table::new([[0.0, 1.0], [2.0, 5.0], [3.0, 4.0]]);
        let expected = [(-1.0, 1.0), (0.0, 1.0), (1.0, 3.0), (2.0, 5.0), (2.5, 4.5), (9.0, 4.0)];
        for (x, y) in expected {
            assert_eq!(table.at(x), y, "at {x}");
            assert_eq!(table.with_slope_at(x)[0], y, "at {x}");
        }
        assert_eq!([-1.0, 1.0, 2.5, 9.0].map(|x| table.with_slope_at(x)[1]), [0.0, 2.0, -1.0, 0.0]);
    }
}
