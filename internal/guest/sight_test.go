package guest

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestLastSeen: an operation that does not end in time says what the guest
// answered last, and when.
func TestLastSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := false
		f := &fake{answer: func(string, json.RawMessage) (Envelope, error) {
			if gone {
				return Envelope{}, errGone
			}
			return ok(FactsResult{}), nil
		}}
		s := session(f)
		if _, _, err := Facts.Do(t.Context(), s, None{}); err != nil {
			t.Fatal(err)
		}
		at := time.Now().UTC().Format(time.RFC3339)
		gone = true
		_, _, err := AgentVerify.Do(t.Context(), s, None{})
		if want := "last answered facts at " + at + ", 3m0s before"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %q", err, want)
		}
		if _, _, err := Facts.Do(t.Context(), session(f), None{}); err == nil || !strings.Contains(err.Error(), "has not answered once") {
			t.Errorf("%v", err)
		}
	})
}

// TestWaitGoesOnAfterAHungLook: each look has a deadline of its own, which must
// not end the wait of many.
func TestWaitGoesOnAfterAHungLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		f := &fake{answer: func(string, json.RawMessage) (Envelope, error) {
			if looks++; looks == 1 {
				time.Sleep(WaitReady.Deadline + 10*time.Second) // frozen, and back
			}
			return ok(ReadyResult{Ready: true, BootID: "b"}), nil
		}}
		s := session(f)
		s.grace = time.Second
		if _, err := s.WaitReady(t.Context(), Settle{Successes: 2, Interval: time.Second, Deadline: 15 * time.Minute}); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
	})
}

// TestSealGoesOnUnseen: a seal whose guest has lost its network is left to
// itself; nothing fails for that.
func TestSealGoesOnUnseen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		var said []string
		f := &fake{answer: func(name string, _ json.RawMessage) (Envelope, error) {
			if name == TaskStart.Name {
				return ok(TaskStartResult{}), nil
			}
			if looks++; looks > 3 {
				return Envelope{}, errGone
			}
			return ok(TaskStatusResult{State: TaskRunning, Stage: SealStageSysprep}), nil
		}}
		began := time.Now()
		err := session(f, WithSilence(time.Minute), WithReport(func(line string) { said = append(said, line) })).Seal(t.Context(), SealParameters{}, func(string) {})
		if took := time.Since(began); err != nil || took < time.Minute || took > 2*time.Minute {
			t.Errorf("after %s: %v", took, err)
		}
		if text := strings.Join(said, "\n"); !strings.Contains(text, "silent for 1m0s, last seen: its stage sysprep") {
			t.Error(text)
		}
		// Any other operation waits for its deadline.
		_, _, err = DriversInstall.Detached(t.Context(), session(f), InstallParameters{}, Detachment{})
		late := (*DeadlineError)(nil)
		if !errors.As(err, &late) || late.Deadline != DriversInstall.Deadline {
			t.Error(err)
		}
	})
}
