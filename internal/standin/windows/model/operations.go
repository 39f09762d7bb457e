package model

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
)

// caller is who runs an operation.
type caller struct {
	system bool   // LocalSystem
	task   string // folder of the scheduled task, "" for a session
}

// handler does what one operation's script does.
type handler func(m *Model, ctx context.Context, c caller, params json.RawMessage) (result any, reboot bool, err error)

// handlers are the operations that the model answers.
var handlers map[string]handler

func init() { // here, since tasks run operations, which start tasks
	handlers = map[string]handler{
		guest.Facts.Name:              handle((*Model).facts),
		guest.WaitReady.Name:          handle((*Model).waitReady),
		guest.DriversVerify.Name:      handle((*Model).driversVerify),
		guest.DriversInstall.Name:     handle((*Model).driversInstall),
		guest.AgentVerify.Name:        handle((*Model).agentVerify),
		guest.AgentInstall.Name:       handle((*Model).agentInstall),
		guest.CloudbaseInstall.Name:   handle((*Model).cloudbaseInstall),
		guest.CloudbaseConfigure.Name: handle((*Model).cloudbaseConfigure),
		guest.CloudbaseVerify.Name:    handle((*Model).cloudbaseVerify),
		guest.PayloadFind.Name:        handle((*Model).payloadFind),
		guest.Preflight.Name:          handle((*Model).preflight),
		guest.AppXRemove.Name:         handle((*Model).appxRemove),
		guest.Reboot.Name:             handle((*Model).reboot),
		guest.TaskStart.Name:          handle((*Model).taskStart),
		guest.TaskStatus.Name:         handle((*Model).taskStatus),
		guest.TaskRelease.Name:        handle((*Model).taskRelease),
		guest.TaskRemove.Name:         handle((*Model).taskRemove),
		guest.Seal.Name:               handle((*Model).seal),
		guest.Cleanup.Name:            handle((*Model).cleanup),
		guest.EditionConvert.Name:     handle((*Model).editionConvert),
		guest.Activation.Name:         handle((*Model).activation),
		guest.Power.Name:              handle((*Model).power),
		guest.RDP.Name:                handle((*Model).rdp),
		guest.Firewall.Name:           handle((*Model).firewall),
		guest.UpdatesPause.Name:       handle((*Model).updatesPause),
		guest.BusPrepare.Name:         handle((*Model).busPrepare),
		guest.NetworkReset.Name:       handle((*Model).networkReset),
		guest.RecoveryRemove.Name:     handle((*Model).recoveryRemove),
	}
}

func handle[P, R any](do func(*Model, context.Context, caller, P) (R, bool, error)) handler {
	return func(m *Model, ctx context.Context, c caller, params json.RawMessage) (any, bool, error) {
		var p P
		d := json.NewDecoder(bytes.NewReader(params))
		d.DisallowUnknownFields()
		if err := d.Decode(&p); err != nil {
			return nil, false, failure("parameters", "the parameters do not fit: %v", err)
		}
		return do(m, ctx, c, p)
	}
}

// failed is an operation's own error, as it stands in the envelope.
type failed struct{ guest.Failure }

func (f *failed) Error() string { return fmt.Sprintf("%s (%s)", f.Message, f.Code) }

func failure(code, format string, args ...any) error {
	return &failed{guest.Failure{Code: code, Message: fmt.Sprintf(format, args...)}}
}

// Answer runs the operation of a request as the build's administrator. The
// script must be the operation's own, byte for byte: this Windows runs no
// other.
func (m *Model) Answer(ctx context.Context, r guest.Request) guest.Envelope {
	return m.answer(ctx, caller{}, r)
}

func (m *Model) answer(ctx context.Context, c caller, r guest.Request) guest.Envelope {
	refuse := func(f guest.Failure) guest.Envelope { return guest.Envelope{Error: &f} }
	o, known := guest.LookupScript(r.Script)
	if !known || o.Name != r.Operation {
		return refuse(guest.Failure{Code: "standin", Message: fmt.Sprintf("operation %q came with a script that is not its own; the stand-in runs no PowerShell", r.Operation)})
	}
	do, ok := handlers[o.Name]
	if !ok {
		return refuse(guest.Failure{Code: "standin", Message: fmt.Sprintf("the stand-in does not know the operation %q yet", o.Name)})
	}
	result, reboot, err := do(m, ctx, c, r.Parameters)
	var own *failed
	switch {
	case errors.As(err, &own):
		return refuse(own.Failure)
	case err != nil:
		return refuse(guest.Failure{Code: "script", Message: err.Error()})
	}
	b, err := json.Marshal(result)
	if err != nil {
		return refuse(guest.Failure{Code: "script", Message: err.Error()})
	}
	return guest.Envelope{OK: true, Result: b, Reboot: reboot}
}

func (m *Model) uptime() int64 { return int64(time.Since(m.booted).Seconds()) }

// None of the operations below cares about its caller unless it names it.

func (m *Model) reboot(ctx context.Context, _ caller, p guest.RebootParameters) (guest.RebootResult, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if start := m.serviceStart(cloudbaseService); p.CloudbaseInit && start != -1 && start != startDisabled {
		return guest.RebootResult{}, false, failure("not-disabled", "the service cloudbase-init has Start=%d, expected 4 (disabled): at this restart it would change the build's machine", start)
	}
	m.beacon("guest.reboot", "info", p.Reason)
	if !m.leaving { // else 1115 or 1190, which the script takes for success
		m.leave(2*time.Second, m.host.Reboot)
	}
	return guest.RebootResult{BootID: m.bootID}, false, nil
}
