package guest

import "time"

// FactsResult is what the running Windows says of itself.
type FactsResult struct {
	Build            int      `json:"build"`             // 20348
	Revision         int      `json:"revision"`          // UBR: 2527
	ProductName      string   `json:"product_name"`      // Windows Server 2022 Standard
	Edition          string   `json:"edition"`           // EditionID: ServerStandard
	InstallationType string   `json:"installation_type"` // Client, Server, Server Core
	Architecture     string   `json:"architecture"`      // AMD64
	ComputerName     string   `json:"computer_name"`
	UILanguages      []string `json:"ui_languages"`     // ko-KR
	InstallLanguage  string   `json:"install_language"` // LCID in hex: 0412
	TimeZone         string   `json:"time_zone"`        // by its Windows name
	Firmware         string   `json:"firmware"`         // uefi, bios or unknown
	ImageState       string   `json:"image_state"`      // IMAGE_STATE_COMPLETE
	// PageFileRemoved is true when the cleanup has taken the page file away.
	PageFileRemoved bool     `json:"page_file_removed"`
	PendingReboot   []string `json:"pending_reboot"` // reasons: servicing, windows-update, file-rename, computer-name
	BootID          string   `json:"boot_id"`
	UptimeSeconds   int64    `json:"uptime_seconds"`
	PowerShell      string   `json:"powershell"` // 5.1.14393.0
	Is64Bit         bool     `json:"is_64bit"`   // the process that ran the operation
	Elevated        bool     `json:"elevated"`
	System          bool     `json:"system"` // runs as LocalSystem
}

// Facts asks for FactsResult.
var Facts = define[None, FactsResult]("facts", 3*time.Minute, true, "facts")
