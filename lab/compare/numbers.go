package compare

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"online-inference/lab/figures"
	"online-inference/lab/record"
)

// of makes a claim about a run's figures.
func of(text string, check func(f *figures.Figures) (measured string, holds bool)) Claim {
	return Claim{Text: text, Check: func(run *record.Run) (string, error) {
		f, err := figures.Of(run)
		if err != nil {
			return "", err
		}
		measured, holds := check(f)
		if !holds {
			return measured, fmt.Errorf("measured %s", measured)
		}
		return measured, nil
	}}
}

// failures says how many requests failed, and by what.
func failures(c figures.Count) string {
	text := fmt.Sprintf("%d of %d", c.Failed, c.N)
	var by []string
	for _, name := range slices.Sorted(maps.Keys(c.Errors)) {
		by = append(by, fmt.Sprintf("%s %d", name, c.Errors[name]))
	}
	if len(by) > 0 {
		text += ": " + strings.Join(by, ", ")
	}
	return text
}

// noneFailed claims that every request was answered with a prediction.
func noneFailed() Claim {
	return of("no request fails", func(f *figures.Figures) (string, bool) {
		c := f.All()
		return failures(c), c.Failed == 0 && c.N > 0
	})
}

// someFailed claims an outage, when or where it is, and what callers see of it.
func someFailed(where string, least int) Claim {
	return of(fmt.Sprintf("%s %d requests fail at least", where, least), func(f *figures.Figures) (string, bool) {
		c := f.All()
		return failures(c), c.Failed >= least
	})
}

// fewFailed claims a bound for the share of failed requests.
func fewFailed(most float64) Claim {
	return of(fmt.Sprintf("at most %.0f %% of the requests fail", 100*most), func(f *figures.Figures) (string, bool) {
		c := f.All()
		return failures(c), c.N > 0 && float64(c.Failed) <= most*float64(c.N)
	})
}

// peak claims the most pods at one time, terminating ones left out.
func peak(n int) Claim {
	return of(fmt.Sprintf("at most %d pods at a time, and once so many, terminating ones left out", n), func(f *figures.Figures) (string, bool) {
		return fmt.Sprint(f.PeakActive), f.PeakActive == n
	})
}

// least claims the fewest ready pods at one time.
func least(n int) Claim {
	return of(fmt.Sprintf("never fewer than %d pods ready, and once so few", n), func(f *figures.Figures) (string, bool) {
		return fmt.Sprint(f.LeastReady), f.LeastReady == n
	})
}

// atLeast claims a bound for the fewest ready pods.
func atLeast(n int) Claim {
	return of(fmt.Sprintf("never fewer than %d pods ready", n), func(f *figures.Figures) (string, bool) {
		return fmt.Sprint(f.LeastReady), f.LeastReady >= n
	})
}

// mixed claims that both versions answer for a while.
func mixed() Claim {
	return of("both versions answer for a while", func(f *figures.Figures) (string, bool) {
		return fmt.Sprintf("%.1f s", f.Mixed), f.Mixed > 0
	})
}

// notMixed claims that callers with fresh connections see one version at a time.
func notMixed() Claim {
	return of("callers never meet both versions at a time", func(f *figures.Figures) (string, bool) {
		return fmt.Sprintf("%.1f s", f.Mixed), f.Mixed == 0
	})
}
