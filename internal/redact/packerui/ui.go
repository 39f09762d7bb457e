// Package packerui masks secrets in what a component says through Packer's Ui.
package packerui

import (
	"io"

	packersdk "github.com/hashicorp/packer-plugin-sdk/packer"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/redact"
)

// Wrap is ui with every message masked by package redact. Wrapping twice is
// the same as wrapping once.
func Wrap(ui packersdk.Ui) packersdk.Ui {
	if _, ok := ui.(masked); ok {
		return ui
	}
	return masked{ui}
}

type masked struct{ ui packersdk.Ui }

func (m masked) Ask(query string) (string, error) {
	answer, err := m.ui.Ask(redact.String(query))
	return answer, redact.Error(err)
}

func (m masked) Askf(query string, args ...any) (string, error) {
	answer, err := m.ui.Askf("%s", redact.String(sprintf(query, args)))
	return answer, redact.Error(err)
}

func (m masked) Say(s string)                        { m.ui.Say(redact.String(s)) }
func (m masked) Sayf(s string, args ...any)          { m.ui.Say(redact.String(sprintf(s, args))) }
func (m masked) Message(s string)                    { m.ui.Say(redact.String(s)) }
func (m masked) Error(s string)                      { m.ui.Error(redact.String(s)) }
func (m masked) Errorf(s string, args ...any)        { m.ui.Error(redact.String(sprintf(s, args))) }
func (m masked) Machine(kind string, args ...string) { m.ui.Machine(kind, each(args)...) }

func (m masked) TrackProgress(src string, current, total int64, stream io.ReadCloser) io.ReadCloser {
	return m.ui.TrackProgress(redact.String(src), current, total, stream)
}
