package guest

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	server "github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/winrm/winrmtest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/winrm"
)

// TestRefusedLogonsLockNobodyOut: Windows refuses a good password for a while.
// The wait goes on past that, with the real client against a server that locks
// an account as Windows does (KB5020282), on a clock of its own.
func TestRefusedLogonsLockNobodyOut(t *testing.T) {
	for name, c := range map[string]struct {
		refuse time.Duration
		logons int // tried at most
		fails  bool
	}{
		"for a moment":         {refuse: 5 * time.Second, logons: 3},
		"for ten minutes":      {refuse: 10 * time.Minute, logons: 3},
		"for ever":             {refuse: 100 * time.Hour, logons: 6, fails: true},
		"not at all":           {logons: 1},
		"until the third look": {refuse: 4 * time.Second, logons: 3},
	} {
		t.Run(name, func(t *testing.T) {
			certificate, err := server.SelfSigned()
			if err != nil {
				t.Fatal(err)
			}
			pin := sha256.Sum256(certificate.Certificate[0])
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var mu sync.Mutex
				var tries []time.Time
				service, err := server.NewServer(server.Config{
					Certificate: certificate,
					Authenticate: func(_, _ string) bool {
						mu.Lock()
						defer mu.Unlock()
						good := time.Since(began) >= c.refuse
						if !good {
							tries = append(tries, time.Now())
						}
						return good
					},
					Start: func(_ context.Context, p server.Process) int {
						if _, err := guest.DecodeRequest(p.Stdin); err != nil {
							return 1
						}
						_, _ = io.WriteString(p.Stdout, guest.EncodeResult(success(guest.ReadyResult{Ready: true, BootID: "b"})))
						return 0
					},
				})
				if err != nil {
					t.Fatal(err)
				}
				line := winrmtest.NewPipe()
				served := make(chan error, 1)
				go func() { served <- service.Serve(line) }()
				var said []string
				w := newWire(winrm.Endpoint{Host: "guest", Port: 5986, User: "Administrator", Password: "x", Pin: pin},
					func(text string) { said = append(said, text) }, winrm.WithDialer(line.Dial))
				s := guest.NewSession(w, guest.WithTransient(w.transient))
				_, err = s.WaitReady(t.Context(), guest.DefaultSettle("manifest"))
				if (err != nil) != c.fails {
					t.Errorf("after %s: %v", time.Since(began), err)
				}
				if c.fails && (!strings.Contains(err.Error(), "KB5020282") || !strings.Contains(err.Error(), "wrong user or password")) {
					t.Errorf("the error names neither the lock-out nor the wrong user: %v", err)
				}
				mu.Lock()
				defer mu.Unlock()
				if len(tries) > c.logons {
					t.Errorf("%d refused logons: %v", len(tries), tries)
				}
				for i := 3; i < len(tries); i++ {
					if gap := tries[i].Sub(tries[i-3]); gap < 11*time.Minute {
						t.Errorf("four refused logons within %s", gap)
					}
				}
				if pauses := strings.Count(strings.Join(said, "\n"), "no further try before"); pauses != len(tries)/3 {
					t.Errorf("%d pauses were told for %d refusals: %q", pauses, len(tries), said)
				}
				_ = service.Close()
				if err := <-served; !errors.Is(err, http.ErrServerClosed) {
					t.Error(err)
				}
				time.Sleep(time.Hour) // idle connections end
			})
		})
	}
}
