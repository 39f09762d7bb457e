package standintest

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/standin/windows/hand"
)

// handSocket is the other end of COM2.
const handSocket = "com2.sock"

// handClient sends orders into the guest, see package hand.
type handClient struct {
	conn net.Conn
	last int
}

func dialHand(socket string) (*handClient, error) {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("COM2: %w", err)
	}
	// QEMU keeps what the guest says in a file; here it only must not clog.
	go func() { _, _ = io.Copy(io.Discard, conn) }()
	return &handClient{conn: conn}, nil
}

func (h *handClient) close() { h.conn.Close() }

// order sends one and waits for its answer in the stand-in's log.
func (vm *VM) order(t testing.TB, o hand.Order) hand.Answer {
	t.Helper()
	vm.hand.last++
	o.ID = vm.hand.last
	line, err := o.Line()
	check(t, err)
	send := func() time.Time {
		_, err := vm.hand.conn.Write(line)
		check(t, err)
		return time.Now()
	}
	unread := func() int { return strings.Count(vm.Log(), " an order that cannot be read") }
	garbled := unread()
	sent := send()
	var answer hand.Answer
	vm.wait(t, fmt.Sprintf("answer to the order %q on COM2", o.Do), 20*time.Second, func() bool {
		for line := range strings.Lines(vm.Log()) {
			_, text, found := strings.Cut(line, " "+hand.Prefix)
			var a hand.Answer
			if found && json.Unmarshal([]byte(text), &a) == nil && a.ID == o.ID {
				answer = a
				return true
			}
		}
		// A busy host's emulated port has been seen to give a byte twice. What
		// must be done once is sent again only when it was not understood.
		if n := unread(); n > garbled || o.Do != hand.Crash && time.Since(sent) > 10*time.Second {
			garbled, sent = n, send()
		}
		return false
	})
	if answer.Error != "" {
		t.Fatalf("the order %q: %s", o.Do, answer.Error)
	}
	return answer
}

// Conditions makes Windows sound, and then puts it into the conditions.
func (vm *VM) Conditions(t testing.TB, c windows.Conditions) {
	t.Helper()
	vm.order(t, hand.Order{Do: hand.Conditions, Conditions: c})
}

// Faults are what the guest shows from now on.
func (vm *VM) Faults(t testing.TB, f windows.Faults) {
	t.Helper()
	vm.order(t, hand.Order{Do: hand.Faults, Faults: f})
}

// WinRM commits troubles of the WinRM service, and takes back those of before.
func (vm *VM) WinRM(t testing.TB, f ...windows.WinRMFault) {
	t.Helper()
	vm.order(t, hand.Order{Do: hand.WinRM, WinRM: f})
}

// Crash restarts Windows as a blue screen does: nobody is told.
func (vm *VM) Crash(t testing.TB) {
	t.Helper()
	vm.order(t, hand.Order{Do: hand.Crash})
}

// Refusals are the lines with which sysprep would refuse now.
func (vm *VM) Refusals(t testing.TB) string {
	t.Helper()
	return strings.Join(vm.order(t, hand.Order{Do: hand.Refusals}).Refusals, "\n")
}

// Value reads a value of the guest's registry, "<none>" when it is not there.
// The name "*" asks for the key itself.
func (vm *VM) Value(t testing.TB, key, name string) string {
	t.Helper()
	got := vm.order(t, hand.Order{Do: hand.Look, Values: []hand.Value{{Key: key, Name: name}}}).Values
	if len(got) != 1 || got[0] == nil {
		return "<none>"
	}
	return *got[0]
}

// FileSHA256 is the digest of a file in the guest, "" when it is not there.
func (vm *VM) FileSHA256(t testing.TB, path string) string {
	t.Helper()
	return vm.order(t, hand.Order{Do: hand.Look, Files: []string{path}}).Files[0]
}
