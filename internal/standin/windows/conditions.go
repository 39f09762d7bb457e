package windows

// Forever is the number of seconds of what never ends.
const Forever = -1

// Conditions are states of Windows that sysprep trips over. The zero value is a
// sound Windows. They are states, not answers: what a preflight mends is
// different afterwards, and sysprep looks at the same state, so that a
// preflight that does not tell the truth is found out by sysprep.
type Conditions struct {
	// AppX are full names of Store packages that the build's user has and that
	// are not provisioned for all (Microsoft KB2769827).
	AppX []string `json:"appx,omitempty"`
	// AppXUpdated are full names of provisioned packages that the Store has
	// updated for the build's user. The names of provisioned ones are those of
	// bundles, so nothing but sysprep sees it (KB2769827, scenario 2).
	AppXUpdated []string `json:"appx_updated,omitempty"`
	// AppXOrphans are registered for a user who is gone; nobody can remove
	// them (blog.jbgeek.net, 2022-01-16).
	AppXOrphans []string `json:"appx_orphans,omitempty"`
	// BitLocker has encrypted drive C:, as device encryption does by itself
	// (0x80310039).
	BitLocker bool `json:"bitlocker,omitempty"`
	// DecryptSeconds is how long decryption takes; Forever: it does not end.
	DecryptSeconds int `json:"decrypt_seconds,omitempty"`
	// UpdatesBusySeconds is how long, from now or from each start, servicing
	// runs (TiWorker.exe); Forever: it does not end.
	UpdatesBusySeconds int `json:"updates_busy_seconds,omitempty"`
	// PendingReboot are reasons for a restart that one restart clears:
	// servicing, windows-update, file-rename.
	PendingReboot []string `json:"pending_reboot,omitempty"`
	// RecurringReboot are reasons that come with each start, as browser
	// updaters' PendingFileRenameOperations do.
	RecurringReboot []string `json:"recurring_reboot,omitempty"`
	// ReservedStorage is in use (0x800f0975).
	ReservedStorage bool `json:"reserved_storage,omitempty"`
	// AuditMode: Windows was started into audit mode.
	AuditMode bool `json:"audit_mode,omitempty"`
	// DomainMember: the machine has joined a domain.
	DomainMember bool `json:"domain_member,omitempty"`
	// Upgraded: this Windows was upgraded from an older one.
	Upgraded bool `json:"upgraded,omitempty"`
	// RearmSpent: the rearm count is 0 (0xc004d307).
	RearmSpent bool `json:"rearm_spent,omitempty"`
	// SysprepRunsSeconds is how long another sysprep.exe runs; Forever: it
	// waits for somebody to click.
	SysprepRunsSeconds int `json:"sysprep_runs_seconds,omitempty"`
	// SysprepBrokenOff: an earlier sysprep was killed.
	SysprepBrokenOff bool `json:"sysprep_broken_off,omitempty"`
	// DefenderOnboarded: Defender for Endpoint guards its senseGuid
	// (actions/runner-images#9659).
	DefenderOnboarded bool `json:"defender_onboarded,omitempty"`
	// LostProviders are values of Setup\SysPrepExternal\Generalize whose
	// library is not there (azvmimagebuilder#83).
	LostProviders []string `json:"lost_providers,omitempty"`
	// DSCBroken: DscCore.dll fails in sysprep's cleanup
	// (MicrosoftDocs/azure-docs#43893, #49145). No preflight can see it.
	DSCBroken bool `json:"dsc_broken,omitempty"`
}

// WinRMFault is a trouble of the WinRM service, from each start of the service
// on, or from now when a test asks for it in a running guest.
type WinRMFault struct {
	// Kind is unauthorized (401), not-ready (fault 2147942421), unavailable
	// (HTTP 503), fault (Code), reset (TCP RST), eof, freeze, delay (Seconds
	// late, no end), garbage, truncated or reset-after (done, answer lost).
	Kind string `json:"kind"`
	// Operation limits it to Create, Command, Send, Receive, Signal or Delete.
	Operation string `json:"operation,omitempty"`
	// Seconds after which it ends by itself; 0: it does not.
	Seconds int `json:"seconds,omitempty"`
	// Times limits how often it happens; 0: no limit.
	Times int `json:"times,omitempty"`
	// Code is WSManFault's code for the kind fault.
	Code uint32 `json:"code,omitempty"`
}
