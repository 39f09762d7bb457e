package answerfile

// Paths on the answer disc, with slashes, as they are given to the disc's
// writer. The script finds the disc by BootstrapPath.
const (
	AutounattendPath        = "Autounattend.xml"
	BootstrapPath           = "wintemplate/bootstrap.ps1"
	BootstrapParametersPath = "wintemplate/bootstrap.json"
	CertificatePath         = "wintemplate/winrm.pfx"
	ManifestPath            = "wintemplate/manifest.json"
)

// BootstrapVersion is the version of BootstrapParameters and of the marker
// that this package writes; the script refuses any other.
const BootstrapVersion = 1

// Places in the guest.
const (
	// GuestFolder is the build's own folder; the seal removes it.
	GuestFolder = `C:\ProgramData\wintemplate`
	// BootstrapLog is the transcript of the bootstrap.
	BootstrapLog = GuestFolder + `\bootstrap.log`
	// BootstrapMarker is written last of all, as BootstrapDone in JSON.
	BootstrapMarker = GuestFolder + `\bootstrap.done`
)

// BootstrapParameters is wintemplate/bootstrap.json: what the bootstrap script
// does at the first logon. All paths are relative to the disc's root, with
// slashes.
type BootstrapParameters struct {
	// Version is BootstrapVersion.
	Version int `json:"version"`
	// BuildID names the build, in the marker and the log.
	BuildID string `json:"build_id"`
	// ManifestSHA256 is the hex digest of wintemplate/manifest.json, which
	// holds every other file's. That manifest must not list bootstrap.json.
	ManifestSHA256 string `json:"manifest_sha256"`
	// Server is true on server products.
	Server bool `json:"server"`
	// Account is the build's account; the script sets its password never to
	// expire. Empty Name means the built-in administrator, found by RID 500.
	Account BootstrapAccount `json:"account"`
	// Certificate is the listener's.
	Certificate BootstrapCertificate `json:"certificate"`
	// TrustedPublishers are certificates (.cer) to trust before the drivers
	// are installed.
	TrustedPublishers []DiscFile `json:"trusted_publishers"`
	// Installers run in this order, before the network is looked at.
	Installers []Installer `json:"installers"`
	// Network bounds the waiting for a network adapter.
	Network BootstrapNetwork `json:"network"`
	// WinRM is the service's configuration.
	WinRM BootstrapWinRM `json:"winrm"`
	// Proxy is the machine's; nil for none.
	Proxy *BootstrapProxy `json:"proxy,omitempty"`
	// Commands are the user's own, run by cmd.exe after the installers.
	Commands []string `json:"commands"`
}

// DiscFile is a file of the disc with its digest.
type DiscFile struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"` // hex, lower case
}

// BootstrapAccount is the account that the build logs on as.
type BootstrapAccount struct {
	Name string `json:"name"`
}

// BootstrapCertificate is the certificate that WinRM listens with.
type BootstrapCertificate struct {
	// Path of the PFX (PBE-SHA1-3DES: Server 2016 reads nothing newer).
	Path string `json:"path"`
	// Password of the PFX.
	Password string `json:"password"`
	// SHA256 is the hex digest of the leaf certificate's DER, by which the
	// script recognises what it imported and the host what it connects to.
	SHA256 string `json:"certificate_sha256"`
}

// Stages of the bootstrap's installers, as their beacons name them.
const (
	StageDrivers = "drivers"
	StageAgent   = "agent"
)

// Installer is one MSI or EXE of the disc.
type Installer struct {
	// Stage is StageDrivers or StageAgent.
	Stage string `json:"stage"`
	DiscFile
	// Arguments follow the file: an .msi is run as
	// `msiexec.exe /i FILE /qn /norestart /l*v LOG ARGUMENTS`.
	Arguments []string `json:"arguments"`
	// SuccessCodes are the exit codes that mean success; 0, 3010 and 1641 when
	// empty.
	SuccessCodes []int `json:"success_codes"`
	// Services must exist afterwards.
	Services []string `json:"services"`
	// TimeoutSeconds bounds the run; 1800 when 0.
	TimeoutSeconds int `json:"timeout_seconds"`
}

// BootstrapNetwork bounds the waiting for the network.
type BootstrapNetwork struct {
	// WaitSeconds is how long an adapter with an address is awaited; 600 when 0.
	WaitSeconds int `json:"wait_seconds"`
}

// BootstrapWinRM is the configuration of the service.
type BootstrapWinRM struct {
	Port                    int    `json:"port"`          // 5986 when 0
	FirewallRule            string `json:"firewall_rule"` // "wintemplate-winrm" when empty
	MaxTimeoutMS            int    `json:"max_timeout_ms"`
	MaxMemoryPerShellMB     int    `json:"max_memory_per_shell_mb"`
	MaxProcessesPerShell    int    `json:"max_processes_per_shell"`
	MaxShellsPerUser        int    `json:"max_shells_per_user"`
	MaxConcurrentOpsPerUser int    `json:"max_concurrent_operations_per_user"`
}

// BootstrapProxy is the proxy of WinHTTP and of the machine's users.
type BootstrapProxy struct {
	Server string   `json:"server"`
	Bypass []string `json:"bypass"`
}

// BootstrapDone is the marker's content.
type BootstrapDone struct {
	Version        int    `json:"version"`
	BuildID        string `json:"build_id"`
	ManifestSHA256 string `json:"manifest_sha256"`
}

// BootstrapScript is the script for BootstrapPath.
func BootstrapScript() []byte { return nil }
