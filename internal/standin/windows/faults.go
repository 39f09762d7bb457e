package windows

// ConfigPath is where the stand-in's installation medium keeps its own
// settings. Windows media have no such file; the guest needs it because the
// behaviour of a build (which defects it shows) is chosen when the medium is
// made, never by the plugin under test.
const ConfigPath = "sources/standin.json"

// Config is the content of ConfigPath.
type Config struct {
	// Version of this structure, 1.
	Version int `json:"version"`
	// Build is the Windows build number that the medium claims, 20348 for
	// Server 2022, 26100 for Server 2025.
	Build int `json:"build"`
	// Faults are the defects that the guest is to show.
	Faults Faults `json:"faults"`
}

// Faults are defects a test asks of the guest. The zero value has none.
type Faults struct {
	// FreezeAfter names a beacon ("bootstrap.drivers ok"): once it was sent,
	// the guest stops doing anything, as a hung Windows does.
	FreezeAfter string `json:"freeze_after,omitempty"`
	// SilentConsole suppresses every beacon, as when COM1 is held by
	// another process (an exclusive device under Windows).
	SilentConsole bool `json:"silent_console,omitempty"`
	// SysprepErrors are the lines of setuperr.log with which sysprep fails;
	// empty means that it succeeds.
	SysprepErrors []string `json:"sysprep_errors,omitempty"`
	// SysprepSpoils makes a failing sysprep leave IMAGE_STATE_UNDEPLOYABLE
	// (a failure after its validation), not IMAGE_STATE_COMPLETE.
	SysprepSpoils bool `json:"sysprep_spoils,omitempty"`
	// SysprepRefusesSystem makes sysprep end at once, with nothing begun, when
	// LocalSystem runs it (MicrosoftDocs/azure-docs#104932).
	SysprepRefusesSystem bool `json:"sysprep_refuses_system,omitempty"`
	// DropNIC takes the network away for good at this beacon.
	DropNIC string `json:"drop_nic,omitempty"`
	// PublicNetwork keeps the network Public whatever the answer file and the
	// bootstrap say, as a policy can.
	PublicNetwork bool `json:"public_network,omitempty"`
	// IgnoreShutdown makes Windows ignore the ACPI power button.
	IgnoreShutdown bool `json:"ignore_shutdown,omitempty"`
	// LoseBootDrivers leaves viostor and vioscsi on demand start when
	// Windows is sealed: the disk then blue-screens with 0x7B elsewhere.
	LoseBootDrivers bool `json:"lose_boot_drivers,omitempty"`
	// CloudbaseInitExit is the code with which cloudbase-init ends in a
	// clone's specialize pass whatever its conf says, 1 for an exception. A
	// clone has it from an installation disc in its drive.
	CloudbaseInitExit int `json:"cloudbase_init_exit,omitempty"`
	// MSIExitCodes maps an installer's file name to the code that msiexec
	// ends with, 1603 for a rollback.
	MSIExitCodes map[string]int `json:"msi_exit_codes,omitempty"`
	// MSISeconds maps an installer's file name to how long it takes.
	MSISeconds map[string]int `json:"msi_seconds,omitempty"`
	// IgnoreRestart makes Windows go on when it is told to restart, as one
	// does that waits for a program to close.
	IgnoreRestart bool `json:"ignore_restart,omitempty"`
	// Conditions are what Windows is in when it first starts.
	Conditions Conditions `json:"conditions,omitzero"`
	// WinRM are troubles of its WinRM service.
	WinRM []WinRMFault `json:"winrm,omitempty"`
}
