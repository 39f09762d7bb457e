package diskcheck

import "github.com/wintemplate/packer-plugin-wintemplate/internal/answerfile"

// IDs are the ids of all findings that a check of a template can have, each
// once, in the order of the checks. Those of a firmware, an account or a
// certificate appear only where Expect has it.
func IDs(want Expect) []string {
	ids := []string{"image", "partition-table"}
	if want.Firmware == UEFI {
		ids = append(ids, "esp", "fallback-loader", "boot-store")
	} else {
		ids = append(ids, "boot-manager", "boot-store")
	}
	ids = append(ids,
		"windows-volume", "windows-last", "windows-filled", "ntfs-clean", "hive-software", "hive-system", "hive-security", "hive-dirty",
		"image-state", "boot-driver-viostor", "boot-driver-vioscsi")
	if want.CloudbaseInit {
		ids = append(ids, "cloudbase-init", "cloudbase-init-conf", "cloudbase-init-unattend-conf", "cloudbase-init-state")
	}
	ids = append(ids, "answer-file-cached", "answer-file-stray", "page-file", "autologon", "winrm-listener", "winrm-binding", "firewall-rule")
	if want.Certificate != nil {
		ids = append(ids, "winrm-certificate", "winrm-private-key")
	}
	if want.Account != "" {
		ids = append(ids, "hive-sam", "build-account")
	}
	ids = append(ids, "build-task", "product-key")
	for _, s := range answerfile.BuildSettings() {
		if judged(s, want) {
			ids = append(ids, "build-"+s.ID)
		}
	}
	if len(want.Secrets) > 0 {
		ids = append(ids, secretRemnant)
	}
	return ids
}

// judged says whether checkSettings has a finding for a setting.
func judged(s answerfile.Setting, want Expect) bool {
	if !s.Applies(want.Server) || s.WithProxy && !want.BuildProxy {
		return false
	}
	switch s.Kind {
	case answerfile.FirewallRule, answerfile.Listener, answerfile.Certificate:
		return false // checkWinRM looks at these more closely
	}
	return true
}
