package guest

import (
	"embed"
	"fmt"
	"time"
)

//go:embed scripts/*.ps1
var scripts embed.FS

// Operation is one thing that can be done in the guest.
type Operation struct {
	// Name is its name on the wire and in messages, such as drivers.verify.
	Name string
	// Script is the whole text that the guest runs: what all operations
	// share, then the operation's own file.
	Script string
	// Deadline bounds it, the connection's troubles included.
	Deadline time.Duration
	// Repeatable says that a second run after an unknown end does no harm.
	Repeatable bool
}

// Call is an operation with the types of its parameters and its result.
type Call[P, R any] struct{ Operation }

// once is the call without its own repetition, for loops that count failures.
func (c Call[P, R]) once() Call[P, R] {
	c.Repeatable = false
	return c
}

var operations []Operation

// Operations lists every operation, in the order of their definition.
func Operations() []Operation { return append([]Operation(nil), operations...) }

// LookupScript finds the operation whose script this is, exactly.
func LookupScript(script string) (Operation, bool) {
	for _, o := range operations {
		if o.Script == script {
			return o, true
		}
	}
	return Operation{}, false
}

// define registers the operation whose script is the prelude and these files.
func define[P, R any](name string, deadline time.Duration, repeatable bool, files ...string) Call[P, R] {
	text := script("prelude")
	for _, f := range files {
		text += script(f)
	}
	o := Operation{Name: name, Script: text, Deadline: deadline, Repeatable: repeatable}
	operations = append(operations, o)
	return Call[P, R]{o}
}

func script(name string) string {
	b, err := scripts.ReadFile("scripts/" + name + ".ps1")
	if err != nil { // embedded: a missing file is a mistake in this package
		panic(fmt.Sprintf("guest: %v", err))
	}
	return string(b)
}

// None stands for parameters or a result that have no fields.
type None struct{}
