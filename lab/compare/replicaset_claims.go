package compare

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"online-inference/lab/figures"
	"online-inference/lab/record"
)

// restartKeeps claims that a container was started again after the template had
// changed, with the image that its pod was made with.
func restartKeeps(version string) Claim {
	return Claim{Text: "a container that is started again after the change is still " + version, Check: func(run *record.Run) (string, error) {
		trigger, err := markAt(record.MarkTrigger)(run)
		if err != nil {
			return "", err
		}
		for _, line := range run.Lines {
			p := line.Pod
			if p == nil || line.T < trigger || restartsOf(p) == 0 || !isReady(p) {
				continue
			}
			measured := fmt.Sprintf("%s, restarts: %d", p.Containers[0].Image, restartsOf(p))
			if p.Version != version || !strings.HasSuffix(p.Containers[0].Image, ":"+version) {
				return measured, fmt.Errorf("measured %s", measured)
			}
			return measured, nil
		}
		return never, errors.New("nothing was started again")
	}}
}

// comesBack claims that in place of the only deleted pod, of version before, a pod
// of version after is made, after the deletion.
func comesBack(before, after string) Claim {
	return Claim{Text: fmt.Sprintf("in place of a deleted pod of %s comes one of %s", before, after), Check: func(run *record.Run) (string, error) {
		deleted, err := markAt(markDelete)(run)
		if err != nil {
			return "", err
		}
		var out, in []string
		for _, l := range figures.Lanes(run) {
			if l.Gone {
				out = append(out, l.Version)
			}
			if l.First() >= deleted {
				in = append(in, l.Version)
			}
		}
		measured := fmt.Sprintf("%s by %s", strings.Join(out, ", "), strings.Join(in, ", "))
		if !slices.Equal(out, []string{before}) || !slices.Equal(in, []string{after}) {
			return measured, fmt.Errorf("measured %s", measured)
		}
		return measured, nil
	}}
}

// adopted claims that a pod that had no owner gets the set as one.
func adopted(name string) Claim {
	return about(name, "it has no owner at first, and then the set", func(s *said) (string, bool) {
		taken, ok := s.first(func(p *record.Pod) bool { return p.Owner == "ReplicaSet/"+setName })
		if s.pods[0].Owner != "" {
			return s.pods[0].Owner, false
		}
		if !ok {
			return "nobody", false
		}
		return "adopted at " + seconds(taken), true
	})
}

// cutOrder claims in which order the pods of a set go: the one that never was
// ready, the one with the low cost, the one without; the one with the high cost
// stays. Marks tell which pod got which cost.
func cutOrder(cheap, dear string) Claim {
	want := []string{"not ready", "cost " + cheap, "no cost"}
	return Claim{Text: "they go in this order: " + strings.Join(want, ", ") + "; cost " + dear + " stays", Check: func(run *record.Run) (string, error) {
		kind := map[string]string{}
		for _, line := range run.Lines {
			if m := line.Mark; m != nil && strings.HasPrefix(m.Name, "cost ") {
				for _, word := range strings.Fields(m.Text) {
					kind[word] = m.Name
				}
			}
		}
		type cut struct {
			at   int64
			kind string
		}
		var order []cut
		var stays []string
		for _, l := range figures.Lanes(run) {
			is := kind[l.Name]
			if is == "" {
				is = "no cost"
				if !slices.ContainsFunc(l.Segments, func(s figures.Segment) bool { return s.State == figures.Ready }) {
					is = "not ready"
				}
			}
			i := slices.IndexFunc(l.Segments, func(s figures.Segment) bool { return s.State == figures.Terminating })
			if i < 0 {
				stays = append(stays, is)
				continue
			}
			order = append(order, cut{l.Segments[i].From, is})
		}
		slices.SortFunc(order, func(a, b cut) int { return int(a.at - b.at) })
		var have []string
		for _, t := range order {
			have = append(have, t.kind)
		}
		measured := strings.Join(have, ", ") + "; stays: " + strings.Join(stays, ", ")
		if !slices.Equal(have, want) || !slices.Equal(stays, []string{"cost " + dear}) {
			return measured, fmt.Errorf("measured %s", measured)
		}
		return measured, nil
	}}
}
