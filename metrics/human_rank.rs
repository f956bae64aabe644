//! Rankings by people: each ranks the images of several methods for a text, 1 = best, no ties.

use crate::interval::bootstrap;
use crate::{Interval, MetricError, Moments};

/// Change of a Bradley-Terry strength below which the iteration stops.
const STOP: f64 = 1e-12;
/// Iterations after which it stops anyway: where a method never loses, its strength creeps
/// towards 1 for ever.
const MAX_ITERATIONS: usize = 20_000;

/// One person's ranking for one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranking {
    /// Person.
    pub user: usize,
    /// Text.
    pub item: usize,
    /// Rank of each method, a permutation of 1 to the number of methods.
    pub ranks: Vec<usize>,
}

/// Rankings of a fixed number of methods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rankings {
    methods: usize,
    rankings: Vec<Ranking>,
}

/// What the rankings say of one method.
#[derive(Debug, Clone, PartialEq)]
pub struct MethodRank {
    /// Mean over all rankings, as the paper prints it; lower is better.
    pub mean: f64,
    /// Population standard deviation over all rankings, as the paper prints it.
    pub std: f64,
    /// Sample standard deviation over all rankings.
    pub std_sample: f64,
    /// Population standard deviation over the means of the people.
    pub std_users: f64,
    /// Mean with a 95 % bootstrap interval over texts; its count is the number of texts.
    pub interval: Interval,
    /// Bradley-Terry strength; the strengths of all methods sum to 1.
    pub strength: f64,
    /// Share of comparisons won against each method; 0.5 against itself.
    pub wins: Vec<f64>,
}

/// What the rankings say together.
#[derive(Debug, Clone, PartialEq)]
pub struct RankSummary {
    /// One per method.
    pub methods: Vec<MethodRank>,
    /// Kendall's coefficient of concordance of each text that at least two people ranked.
    pub concordance: Vec<f64>,
    /// Friedman's statistic over all rankings (chi-squared with `methods - 1` degrees of freedom
    /// if no method is better).
    pub friedman: f64,
    /// Number of rankings.
    pub count: usize,
}

impl Rankings {
    /// For `methods` methods, checking every ranking.
    ///
    /// # Errors
    ///
    /// If there are none or fewer than two methods, a ranking is no permutation, or a person
    /// ranked a text twice.
    pub fn new(methods: usize, rankings: Vec<Ranking>) -> Result<Self, MetricError> {
        if methods < 2 {
            return Err(MetricError::TooFew {
                what: "a ranking (methods)",
                needed: 2,
                got: methods,
            });
        }
        if rankings.is_empty() {
            return Err(MetricError::Empty { what: "human rank" });
        }
        let mut seen = std::collections::HashSet::new();
        for ranking in &rankings {
            let mut sorted = ranking.ranks.clone();
            sorted.sort_unstable();
            if !sorted.iter().copied().eq(1..=methods) {
                return Err(MetricError::Invalid(format!(
                    "person {} ranked text {} as {:?}, which is no order of {methods} methods \
                     from 1 to {methods}",
                    ranking.user, ranking.item, ranking.ranks
                )));
            }
            if !seen.insert((ranking.user, ranking.item)) {
                return Err(MetricError::Invalid(format!(
                    "person {} ranked text {} twice",
                    ranking.user, ranking.item
                )));
            }
        }
        Ok(Self { methods, rankings })
    }

    /// Whether all people ranked the same texts.
    pub fn is_balanced(&self) -> bool {
        let count = |of: fn(&Ranking) -> usize| {
            self.rankings
                .iter()
                .map(of)
                .collect::<std::collections::HashSet<_>>()
                .len()
        };
        count(|r| r.user) * count(|r| r.item) == self.rankings.len()
    }

    /// Everything there is to say; `resamples` and `seed` are those of the bootstrap over texts.
    ///
    /// # Errors
    ///
    /// Never for rankings that were accepted.
    pub fn summary(&self, resamples: usize, seed: u64) -> Result<RankSummary, MetricError> {
        let wins = self.wins();
        let strengths = bradley_terry(&wins);
        let methods = (0..self.methods)
            .map(|method| self.method(method, &wins, strengths[method], resamples, seed))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(RankSummary {
            methods,
            concordance: self
                .by(|r| r.item)
                .iter()
                .filter_map(|g| self.concordance(g))
                .collect(),
            friedman: self.friedman(),
            count: self.rankings.len(),
        })
    }

    fn method(
        &self,
        method: usize,
        wins: &[Vec<f64>],
        strength: f64,
        resamples: usize,
        seed: u64,
    ) -> Result<MethodRank, MetricError> {
        let rank = |ranking: &Ranking| ranking.ranks[method] as f64;
        let all: Moments = self.rankings.iter().map(rank).collect();
        let n = all.count() as f64;
        let means = |groups: Vec<Vec<&Ranking>>| -> Vec<Moments> {
            groups
                .iter()
                .map(|group| group.iter().map(|r| rank(r)).collect())
                .collect()
        };
        let users: Moments = means(self.by(|r| r.user))
            .iter()
            .map(Moments::mean)
            .collect();
        let items = means(self.by(|r| r.item));
        let interval = bootstrap(items.len(), resamples, seed, |rows| {
            let mut total = Moments::default();
            for &row in rows {
                total.merge(&items[row]);
            }
            total.mean()
        })?;
        Ok(MethodRank {
            mean: all.mean(),
            std: all.std(),
            std_sample: (all.variance() * n / (n - 1.0).max(1.0)).sqrt(),
            std_users: users.std(),
            interval,
            strength,
            wins: (0..self.methods)
                .map(|other| {
                    let (won, lost) = (wins[method][other], wins[other][method]);
                    if other == method {
                        0.5
                    } else {
                        won / (won + lost)
                    }
                })
                .collect(),
        })
    }

    /// Rankings by person or text, in increasing order of its number.
    fn by(&self, of: fn(&Ranking) -> usize) -> Vec<Vec<&Ranking>> {
        let mut groups = std::collections::BTreeMap::<usize, Vec<&Ranking>>::new();
        for ranking in &self.rankings {
            groups.entry(of(ranking)).or_default().push(ranking);
        }
        groups.into_values().collect()
    }

    /// How often the row's method stood before the column's.
    fn wins(&self) -> Vec<Vec<f64>> {
        let mut wins = vec![vec![0.0; self.methods]; self.methods];
        for ranking in &self.rankings {
            for (i, row) in wins.iter_mut().enumerate() {
                for (j, count) in row.iter_mut().enumerate() {
                    *count += f64::from(u8::from(ranking.ranks[i] < ranking.ranks[j]));
                }
            }
        }
        wins
    }

    fn sums(&self, group: &[&Ranking]) -> Vec<f64> {
        let sum = |method: usize| group.iter().map(|r| r.ranks[method]).sum::<usize>() as f64;
        (0..self.methods).map(sum).collect()
    }

    /// `W = 12 sum (R_i - mean R)^2 / (U^2 (M^3 - M))`.
    fn concordance(&self, group: &[&Ranking]) -> Option<f64> {
        let (users, m) = (group.len() as f64, self.methods as f64);
        if group.len() < 2 {
            return None;
        }
        let spread: Moments = self.sums(group).into_iter().collect();
        Some(12.0 * spread.variance() * m / (users * users * (m * m * m - m)))
    }

    /// `12 / (N M (M + 1)) sum R_j^2 - 3 N (M + 1)` with every ranking as a block.
    fn friedman(&self) -> f64 {
        let all: Vec<&Ranking> = self.rankings.iter().collect();
        let (n, m) = (all.len() as f64, self.methods as f64);
        let squares: f64 = self.sums(&all).iter().map(|sum| sum * sum).sum();
        12.0 / (n * m * (m + 1.0)) * squares - 3.0 * n * (m + 1.0)
    }
}

/// Strengths by the minorise-maximise iteration (Hunter 2004), summing to 1.
fn bradley_terry(wins: &[Vec<f64>]) -> Vec<f64> {
    let count = wins.len();
    let mut strengths = vec![1.0 / count as f64; count];
    for _ in 0..MAX_ITERATIONS {
        let mut next: Vec<f64> = (0..count)
            .map(|i| {
                let won: f64 = wins[i].iter().sum();
                let met: f64 = (0..count)
                    .filter(|&j| j != i)
                    .map(|j| (wins[i][j] + wins[j][i]) / (strengths[i] + strengths[j]))
                    .filter(|term| term.is_finite())
                    .sum();
                if met > 0.0 { won / met } else { 0.0 }
            })
            .collect();
        let total: f64 = next.iter().sum();
        for strength in &mut next {
            *strength /= total;
        }
        let change = next
            .iter()
            .zip(&strengths)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max);
        strengths = next;
        if change < STOP {
            break;
        }
    }
    strengths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rankings(ranks: &[(usize, usize, [usize; 3])]) -> Result<Rankings, MetricError> {
        let each = ranks.iter().map(|&(user, item, ranks)| Ranking {
            user,
            item,
            ranks: ranks.to_vec(),
        });
        Rankings::new(3, each.collect())
    }

    #[test]
    fn agreeing_people_have_a_concordance_of_1() {
        let all: Vec<_> = (0..4)
            .flat_map(|u| (0..2).map(move |i| (u, i, [2, 1, 3])))
            .collect();
        let summary = rankings(&all)
            .expect("valid")
            .summary(50, 1)
            .expect("not empty");
        assert_eq!(summary.concordance, [1.0, 1.0]);
        let means: Vec<f64> = summary.methods.iter().map(|m| m.mean).collect();
        assert_eq!(means, [2.0, 1.0, 3.0]);
        assert!(
            summary
                .methods
                .iter()
                .all(|m| m.std == 0.0 && m.std_users == 0.0)
        );
        assert_eq!(summary.methods[1].wins, [1.0, 0.5, 1.0]);
        assert!(summary.methods[1].strength > 0.99, "{summary:?}");
        assert!(
            (summary.friedman - 16.0).abs() < 1e-12,
            "N (M - 1) is the maximum"
        );
    }

    #[test]
    fn opposite_people_cancel() {
        let both = [(0, 0, [1, 2, 3]), (1, 0, [3, 2, 1])];
        let rankings = rankings(&both).expect("valid");
        let summary = rankings.summary(50, 1).expect("not empty");
        assert!(rankings.is_balanced());
        assert_eq!(summary.concordance, [0.0]);
        assert_eq!(summary.friedman, 0.0);
        let first = &summary.methods[0];
        assert_eq!((first.mean, first.std, first.std_users), (2.0, 1.0, 1.0));
        assert!(
            summary
                .methods
                .iter()
                .all(|m| (m.strength - 1.0 / 3.0).abs() < 1e-9)
        );
    }

    #[test]
    fn rankings_that_are_no_permutation_or_come_twice_are_refused() {
        let tied = rankings(&[(0, 0, [1, 1, 3])]).expect_err("tied");
        assert!(tied.to_string().contains("person 0"), "{tied}");
        assert!(rankings(&[(0, 0, [1, 2, 3]), (0, 0, [1, 2, 3])]).is_err());
        assert!(rankings(&[]).is_err());
        assert!(Rankings::new(1, vec![]).is_err());
    }

    #[test]
    fn people_with_other_texts_are_noticed() {
        let some = [(0, 0, [1, 2, 3]), (1, 1, [1, 2, 3])];
        assert!(!rankings(&some).expect("valid").is_balanced());
    }
}
