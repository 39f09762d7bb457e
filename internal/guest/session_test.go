package guest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// fake is a guest that answers by the operation's name.
type fake struct {
	answer func(name string, p json.RawMessage) (Envelope, error)
	asked  []string
}

func (f *fake) Run(_ context.Context, commandLine string, stdin io.Reader, stdout, _ io.Writer) (int, error) {
	if commandLine != Launcher() {
		return 1, errors.New("not the launcher: " + commandLine)
	}
	r, err := DecodeRequest(stdin)
	if err != nil {
		return 1, err
	}
	o, ok := LookupScript(r.Script)
	if !ok || o.Name != r.Operation {
		return 1, errors.New("the script is not that of " + r.Operation)
	}
	f.asked = append(f.asked, o.Name)
	e, err := f.answer(o.Name, r.Parameters)
	if err != nil {
		return 0, err
	}
	_, err = io.WriteString(stdout, "noise\r\n"+EncodeResult(e))
	return 0, err
}

func ok(v any) Envelope {
	b, _ := json.Marshal(v)
	return Envelope{OK: true, Result: b}
}

var errRefused = errors.New("401")

var errGone = errors.New("connection refused")

func session(f *fake, options ...Option) *Session {
	return NewSession(f, append([]Option{WithTransient(func(err error) bool { return errors.Is(err, errGone) })}, options...)...)
}

func TestDoRetriesWhatIsRepeatable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		f := &fake{answer: func(string, json.RawMessage) (Envelope, error) {
			if n++; n < 4 {
				return Envelope{}, errGone
			}
			return ok(FactsResult{Build: 20348}), nil
		}}
		r, _, err := Facts.Do(t.Context(), session(f), None{})
		if err != nil || r.Build != 20348 || n != 4 {
			t.Errorf("%+v after %d tries, %v", r, n, err)
		}
		n = 0
		if _, _, err := DriversInstall.Do(t.Context(), session(f), InstallParameters{}); !errors.Is(err, errGone) || n != 1 {
			t.Errorf("an installation was tried %d times: %v", n, err)
		}
		n = -100
		f.answer = func(string, json.RawMessage) (Envelope, error) {
			n++
			return Envelope{}, errors.New("wrong certificate")
		}
		if _, _, err := Facts.Do(t.Context(), session(f), None{}); err == nil || n != -99 {
			t.Errorf("%d tries, %v", n+100, err)
		}
	})
}

func TestDoHoldsItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// A runner that never heeds its context, as a frozen guest makes some.
		stuck := runnerFunc(func() { time.Sleep(100 * time.Hour) })
		began := time.Now()
		_, _, err := Facts.Do(t.Context(), NewSession(stuck), None{})
		d := (*DeadlineError)(nil)
		if !errors.As(err, &d) || d.Operation != "facts" {
			t.Errorf("%v", err)
		}
		if took := time.Since(began); took > Facts.Deadline+20*time.Second {
			t.Errorf("it took %s", took)
		}
		// A guest that is away for ever.
		f := &fake{answer: func(string, json.RawMessage) (Envelope, error) { return Envelope{}, errGone }}
		_, _, err = Facts.Do(t.Context(), session(f), None{})
		if !errors.As(err, &d) || !errors.Is(err, errGone) || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := Facts.Do(ctx, session(f), None{}); !errors.Is(err, context.DeadlineExceeded) || errors.As(err, &d) {
			t.Errorf("the caller's own end: %v", err)
		}
		time.Sleep(200 * time.Hour) // let the stuck ones end
	})
}

type runnerFunc func()

func (f runnerFunc) Run(context.Context, string, io.Reader, io.Writer, io.Writer) (int, error) {
	f()
	return 0, nil
}

func TestDoTellsFailuresApart(t *testing.T) {
	f := &fake{answer: func(string, json.RawMessage) (Envelope, error) {
		return Envelope{Error: &Failure{Code: "msi", Message: "1603", Detail: "log"}}, nil
	}}
	_, _, err := DriversInstall.Do(t.Context(), session(f), InstallParameters{})
	e := (*Error)(nil)
	if !errors.As(err, &e) || e.Code != "msi" || err.Error() != "drivers.install: 1603 (msi)\nlog" {
		t.Errorf("%v", err)
	}
	_, _, err = DriversInstall.Do(t.Context(), NewSession(runnerFunc(func() {})), InstallParameters{})
	if !errors.Is(err, ErrNoResult) {
		t.Errorf("%v", err)
	}
}

// task answers task.start and task.status from a list of looks.
func task(looks ...any) func(string, json.RawMessage) (Envelope, error) {
	return func(name string, p json.RawMessage) (Envelope, error) {
		switch name {
		case "task.start":
			var s TaskStartParameters
			_ = json.Unmarshal(p, &s)
			o, known := LookupScript(s.Script)
			if !known || s.Operation != o.Name || s.Launcher == "" {
				return Envelope{}, errors.New("task.start lacks parameters: " + string(p[:min(len(p), 80)]))
			}
			// A task that ends later than the wait for it would go on in the next one's way.
			if limit := time.Duration(s.TimeoutSeconds) * time.Second; limit != o.Deadline {
				return Envelope{}, fmt.Errorf("task.start: the task of %s ends after %s, the wait for it after %s", o.Name, limit, o.Deadline)
			}
			return ok(TaskStartResult{}), nil
		case "task.status":
			look := looks[0]
			if len(looks) > 1 {
				looks = looks[1:]
			}
			if err, is := look.(error); is {
				return Envelope{}, err
			}
			return ok(look), nil
		default:
			return ok(None{}), nil
		}
	}
}

func done(e Envelope) TaskStatusResult {
	b, _ := json.Marshal(e)
	return TaskStatusResult{State: TaskDone, Envelope: string(b), BootID: "1"}
}

func TestDetached(t *testing.T) {
	running := TaskStatusResult{State: TaskRunning, BootID: "1"}
	install := ok(InstallResult{ExitCode: 3010})
	install.Reboot = true
	synctest.Test(t, func(t *testing.T) {
		var said []string
		f := &fake{answer: task(running, errGone, errGone, running, done(install))}
		r, reboot, err := DriversInstall.Detached(t.Context(), session(f, WithReport(func(s string) { said = append(said, s) })), InstallParameters{}, Detachment{})
		if err != nil || r.ExitCode != 3010 || !bool(reboot) {
			t.Errorf("%+v %v %v", r, reboot, err)
		}
		if !slices.Contains(f.asked, "task.remove") {
			t.Error("the task was left behind")
		}
		if len(said) != 2 || !strings.Contains(said[0], "does not answer") || !strings.Contains(said[1], "answers again") {
			t.Errorf("said %q", said)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		failed := Envelope{Error: &Failure{Code: "msi", Message: "1603"}}
		_, _, err := DriversInstall.Detached(t.Context(), session(&fake{answer: task(running, done(failed))}), InstallParameters{}, Detachment{})
		if e := (*Error)(nil); !errors.As(err, &e) || e.Code != "msi" {
			t.Errorf("%v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		lost := TaskStatusResult{State: TaskLost, BootID: "2", Stage: "x", LastResult: 0x41306}
		_, _, err := DriversInstall.Detached(t.Context(), session(&fake{answer: task(running, lost)}), InstallParameters{}, Detachment{})
		if l := (*LostError)(nil); !errors.As(err, &l) || !l.Restarted || l.Stage != "x" {
			t.Errorf("%v", err)
		}
		// Ready for a moment before it runs is not lost.
		ready := TaskStatusResult{State: TaskLost, BootID: "1"}
		_, _, err = DriversInstall.Detached(t.Context(), session(&fake{answer: task(ready, ready, ready, running, ready, ready, running, done(install))}), InstallParameters{}, Detachment{})
		if err != nil {
			t.Errorf("%v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		// It never comes back: the operation's own deadline ends it, and says what was last seen.
		began := time.Now()
		f := &fake{answer: task(TaskStatusResult{State: TaskRunning, BootID: "1", Stage: "copying"}, errGone)}
		_, _, err := DriversInstall.Detached(t.Context(), session(f), InstallParameters{}, Detachment{})
		if d := (*DeadlineError)(nil); !errors.As(err, &d) || !strings.Contains(err.Error(), "copying") || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("%v", err)
		}
		if took := time.Since(began); took > DriversInstall.Deadline+time.Minute {
			t.Errorf("it took %s", took)
		}
	})
}

func TestWaitReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := []any{
			errGone,
			ReadyResult{WaitingFor: []string{"oobe"}, BootID: "1"},
			ReadyResult{Ready: true, BootID: "1"},
			ReadyResult{Ready: true, BootID: "2"}, // a restart in between begins the count anew
			ReadyResult{Ready: true, BootID: "2"},
			errGone,
			ReadyResult{Ready: true, BootID: "2"},
			ReadyResult{Ready: true, BootID: "2"},
			ReadyResult{Ready: true, BootID: "2", ImageState: "last"},
		}
		f := &fake{}
		f.answer = func(string, json.RawMessage) (Envelope, error) {
			a := answers[0]
			answers = answers[1:]
			if err, is := a.(error); is {
				return Envelope{}, err
			}
			return ok(a), nil
		}
		r, err := session(f).WaitReady(t.Context(), DefaultSettle(""))
		if err != nil || len(answers) > 1 {
			t.Errorf("%+v, %v, left %v", r, err, answers)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: func(string, json.RawMessage) (Envelope, error) {
			return ok(ReadyResult{WaitingFor: []string{"marker"}, BootID: "1"}), nil
		}}
		_, err := session(f).WaitReady(t.Context(), DefaultSettle("ab"))
		if d := (*DeadlineError)(nil); !errors.As(err, &d) || !strings.Contains(err.Error(), "marker") {
			t.Errorf("%v", err)
		}
	})
}

// A person is told once a minute what a wait is about: the error of the last look, or what the guest lacks.
func TestWaitsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		f := &fake{answer: func(string, json.RawMessage) (Envelope, error) {
			if time.Since(began) < 2*time.Minute+30*time.Second {
				return Envelope{}, errGone
			}
			return ok(ReadyResult{WaitingFor: []string{"marker"}, BootID: "1"}), nil
		}}
		s := session(f)
		var lines []string
		s.report = func(line string) { lines = append(lines, line) }
		if _, err := s.WaitReady(t.Context(), DefaultSettle("ab")); err == nil {
			t.Error("it came to be ready")
		}
		if len(lines) < 13 || len(lines) > 15 || !strings.Contains(lines[0], "Still waiting after 1m") || !strings.Contains(lines[0], "wait-ready: "+errGone.Error()) || !strings.Contains(lines[3], "not ready: marker") {
			t.Errorf("%d lines: %q", len(lines), lines)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f := &fake{answer: func(string, json.RawMessage) (Envelope, error) { return Envelope{}, errGone }}
		s := session(f)
		var lines []string
		s.report = func(line string) { lines = append(lines, line) }
		if _, _, err := Facts.Do(t.Context(), s, None{}); err == nil {
			t.Error("there were facts")
		}
		if want := int(Facts.Deadline / time.Minute); len(lines) < want-1 || len(lines) > want || !strings.Contains(lines[0], "facts: "+errGone.Error()) {
			t.Errorf("%d lines in %s: %q", len(lines), Facts.Deadline, lines)
		}
	})
}

func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looks := 0
		f := &fake{}
		f.answer = func(name string, _ json.RawMessage) (Envelope, error) {
			if name == "reboot" {
				return ok(RebootResult{BootID: "1"}), nil
			}
			switch looks++; {
			case looks < 3: // it answers for a while yet
				return ok(ReadyResult{Ready: true, BootID: "1"}), nil
			case looks < 6:
				return Envelope{}, errGone
			}
			return ok(ReadyResult{Ready: true, BootID: "2"}), nil
		}
		r, err := session(f).Restart(t.Context(), "test", true, DefaultSettle("ab"))
		if err != nil || r.BootID != "2" {
			t.Errorf("%+v, %v", r, err)
		}
		// A machine that does not restart is not taken for one that has.
		f.answer = func(name string, _ json.RawMessage) (Envelope, error) {
			if name == "reboot" {
				return ok(RebootResult{BootID: "1"}), nil
			}
			return ok(ReadyResult{Ready: true, BootID: "1"}), nil
		}
		_, err = session(f).Restart(t.Context(), "test", true, DefaultSettle("ab"))
		if err == nil || !strings.Contains(err.Error(), "has not restarted") {
			t.Errorf("%v", err)
		}
	})
}

func TestSealSession(t *testing.T) {
	at := func(stage string) TaskStatusResult {
		return TaskStatusResult{State: TaskRunning, Stage: stage, BootID: "1"}
	}
	failed := func(code, detail string) TaskStatusResult {
		return done(Envelope{Error: &Failure{Code: code, Message: "m", Detail: detail}})
	}
	run := func(t *testing.T, answer func(string, json.RawMessage) (Envelope, error), p SealParameters) (*fake, []string, error) {
		var stages []string
		f := &fake{answer: answer}
		said := WithReport(func(line string) {
			if strings.Contains(line, "goes on by itself") {
				stages = append(stages, "unwatched")
			}
		})
		err := session(f, said, WithRefused(func(err error) bool { return errors.Is(err, errRefused) })).Seal(t.Context(), p, func(s string) { stages = append(stages, s) })
		return f, stages, err
	}
	synctest.Test(t, func(t *testing.T) {
		f, stages, err := run(t, task(at("revert"), at(""), at("revert"), at("sysprep"), at("sysprep-as-account"), errGone, at("sealed"), errGone), SealParameters{})
		if err != nil || strings.Join(stages, " ") != "revert sysprep sysprep-as-account sealed" || f.asked[len(f.asked)-1] != "task.release" {
			t.Errorf("%v %v %v", stages, f.asked, err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		// It was released by its own patience while nobody looked: it is not waited for until the network goes.
		began := time.Now()
		if _, stages, err := run(t, task(at("sysprep"), at("close")), SealParameters{}); err != nil || strings.Join(stages, " ") != "sysprep close" || time.Since(began) > time.Minute {
			t.Errorf("%v %v after %s", stages, err, time.Since(began))
		}
		// A release that is lost costs the seal's patience, and no build.
		answer := task(at("sealed"))
		lost := func(name string, p json.RawMessage) (Envelope, error) {
			if name == "task.release" {
				return Envelope{}, errors.New("reset")
			}
			return answer(name, p)
		}
		if _, stages, err := run(t, lost, SealParameters{}); err != nil || strings.Join(stages, " ") != "sealed" {
			t.Errorf("%v %v", stages, err)
		}
		// A package that nobody can remove ends it, by its name.
		refused := task(failed(SealAppX, "package: A_1"))
		stays := func(name string, p json.RawMessage) (Envelope, error) {
			if name == "appx.remove" {
				return ok(AppXRemoveResult{Left: []string{"A_1"}}), nil
			}
			return refused(name, p)
		}
		f, _, err := run(t, stays, SealParameters{})
		if err == nil || !strings.Contains(err.Error(), "could not be removed: A_1") || slices.Index(f.asked[2:], "task.start") >= 0 {
			t.Errorf("%v, asked %v", err, f.asked)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		_, stages, err := run(t, task(at("revert"), at("sysprep"), errRefused), SealParameters{})
		if err != nil || strings.Join(stages, " ") != "revert sysprep unwatched" {
			t.Errorf("%v %v", stages, err)
		}
		// Sysprep may have begun between two looks.
		if _, stages, err := run(t, task(at("revert"), errRefused), SealParameters{}); err != nil || stages[len(stages)-1] != "unwatched" {
			t.Errorf("%v %v", stages, err)
		}
		f := &fake{answer: func(string, json.RawMessage) (Envelope, error) { return Envelope{}, errRefused }}
		if err := session(f).Seal(t.Context(), SealParameters{}, func(string) {}); !errors.Is(err, errRefused) {
			t.Errorf("a logon that was refused before anything was begun: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f, _, err := run(t, task(at("sysprep"), failed(SealAppX, "package: A_1\nother"), at("sysprep"), failed(SealAppX, "package: B_1"), at("sealed")), SealParameters{})
		n := 0
		for _, a := range f.asked {
			if a == "appx.remove" {
				n++
			}
		}
		if err != nil || n != 2 {
			t.Errorf("%d removals, %v", n, err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		for _, code := range []string{SealBitLocker, SealUndeployable, SealNotStarted, "close"} {
			f, _, err := run(t, task(failed(code, "")), SealParameters{Account: "builder"})
			if e := (*Error)(nil); !errors.As(err, &e) || e.Code != code {
				t.Errorf("%s: %v", code, err)
			}
			if n := slices.Index(f.asked[2:], "task.start"); n >= 0 {
				t.Errorf("%s: it was tried again", code)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		f, _, err := run(t, task(failed(SealAppX, "package: A_1")), SealParameters{})
		n := 0
		for _, a := range f.asked {
			if a == "task.start" {
				n++
			}
		}
		if err == nil || n != SealTries {
			t.Errorf("%d tries, %v", n, err)
		}
	})
}
