package stepkit

import (
	"fmt"
	"log"

	"github.com/hashicorp/packer-plugin-sdk/multistep"
	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/redact"
)

// QuietBag is a state bag for a step of the SDK that runs inside one of ours:
// the inner step's error is kept instead of shown, so that the outer step
// reports once, with what it knows besides.
type QuietBag struct {
	multistep.StateBag
	failure error
}

// Quiet wraps bag.
func Quiet(bag multistep.StateBag) *QuietBag { return &QuietBag{StateBag: bag} }

// Failure is the error that the inner step stored; nil for none.
func (q *QuietBag) Failure() error { return q.failure }

// Put keeps the inner step's error here.
func (q *QuietBag) Put(key string, value any) {
	if err, ok := value.(error); ok && key == Failure.Name() {
		q.failure = err
		return
	}
	q.StateBag.Put(key, value)
}

// Get is GetOk without the second result.
func (q *QuietBag) Get(key string) any {
	value, _ := q.GetOk(key)
	return value
}

// GetOk gives the inner step a user interface whose lines go to the log: the
// outer step has its own title and its own error.
func (q *QuietBag) GetOk(key string) (any, bool) {
	value, ok := q.StateBag.GetOk(key)
	if ui, isUI := value.(packersdk.Ui); isUI && key == UI.Name() {
		return quietUI{ui}, true
	}
	return value, ok
}

type quietUI struct{ packersdk.Ui }

func (u quietUI) Say(message string)     { log.Printf("[INFO] %s", redact.String(message)) }
func (u quietUI) Message(message string) { u.Say(message) }

func (u quietUI) Sayf(format string, args ...any) { u.Say(fmt.Sprintf(format, args...)) }

func (u quietUI) Error(message string) { log.Printf("[ERROR] %s", redact.String(message)) }

func (u quietUI) Errorf(format string, args ...any) {
	u.Error(fmt.Sprintf(format, args...))
}
