package windows

import (
	"errors"
	"regexp"
	"strings"
)

// keyRow is one public key. Empty product means every client product.
type keyRow struct {
	product, edition, key string
}

// kmsClientKeys are Microsoft's KMS client setup keys
// (learn.microsoft.com/windows-server/get-started/kms-client-activation-keys).
// They activate nothing without a KMS host.
var kmsClientKeys = []keyRow{
	{"Windows Server 2016", "ServerStandard", "WC2BQ-8NRM3-FDDYY-2BFGV-KHKQY"},
	{"Windows Server 2016", "ServerDatacenter", "CB7KF-BWN84-R7R2Y-793K2-8XDDG"},
	{"Windows Server 2016", "ServerSolution", "JCKRF-N37P4-C2D82-9YXRT-4M63B"},
	{"Windows Server 2019", "ServerStandard", "N69G4-B89J2-4G8F4-WWYCC-J464C"},
	{"Windows Server 2019", "ServerDatacenter", "WMDGN-G9PQG-XVVXX-R3X43-63DFG"},
	{"Windows Server 2019", "ServerSolution", "WVDHN-86M7X-466P6-VHXV7-YY726"},
	{"Windows Server 2022", "ServerStandard", "VDYBN-27WPP-V4HQT-9VMD4-VMK7H"},
	{"Windows Server 2022", "ServerDatacenter", "WX4NM-KYWYW-QJJR4-XV3QB-6VM33"},
	{"Windows Server 2022", "ServerTurbine", "NTBV8-9K7Q8-V27C6-M2BTV-KHMXV"},
	{"Windows Server 2025", "ServerStandard", "TVRH6-WHNXV-R9WG3-9XRFY-MY832"},
	{"Windows Server 2025", "ServerDatacenter", "D764K-2NDRG-47T6Q-P8T8W-YP6DF"},
	{"Windows Server 2025", "ServerTurbine", "XGN3F-F394H-FD2MY-PP6FD-8MCRC"},
	{"", "Professional", "W269N-WFGWX-YVC9B-4J6C9-T83GX"},
	{"", "ProfessionalN", "MH37W-N47XK-V7XM9-C7227-GCQG9"},
	{"", "ProfessionalWorkstation", "NRG8B-VKK3Q-CXVCJ-9G2XF-6Q84J"},
	{"", "ProfessionalWorkstationN", "9FNHH-K3HBT-3W4TD-6383H-6XYWF"},
	{"", "ProfessionalEducation", "6TP4R-GNPTD-KYYHQ-7B7DP-J447Y"},
	{"", "ProfessionalEducationN", "YVWGF-BXNMC-HTQYQ-CPQ99-66QFC"},
	{"", "Education", "NW6C2-QMPVW-D7KKK-3GKT6-VCFB2"},
	{"", "EducationN", "2WH4N-8QGBV-H22JP-CT43Q-MDWWJ"},
	{"", "Enterprise", "NPPR9-FWDCX-D2C8J-H872K-2YT43"},
	{"", "EnterpriseN", "DPH2V-TTNVB-4X9Q3-TJR4H-KHJW4"},
	{"", "IoTEnterpriseS", "KBN8V-HFGQ4-MGXVD-347P6-PDQGT"},
	{"", "EnterpriseS", "M7XTQ-FN8P6-TTKYV-9D4CC-J462D"},
	{"", "EnterpriseSN", "92NFX-8DJQP-P6BBQ-THF9C-7CG2H"},
}

// ltsb2016 are the keys of the 2016 long-term editions, which differ from
// those of every later one. Their build is 14393.
var ltsb2016 = []keyRow{
	{"", "EnterpriseS", "DCPHK-NFMTC-H88MJ-PFHPY-QJ4BJ"},
	{"", "EnterpriseSN", "QFFDN-GRT3P-VKWWX-X7T3R-8B639"},
}

// installKeys choose an edition on multi-edition client media and activate
// nothing (unattend-generator's WindowsEdition.json; dockur/windows for the
// long-term editions).
var installKeys = []keyRow{
	{"", "Core", "YTMG3-N6DKC-DKB77-7M9GH-8HVX7"},
	{"", "CoreN", "4CPRK-NM3K3-X6XXQ-RXX86-WXCHW"},
	{"", "CoreSingleLanguage", "BT79Q-G7N6G-PGBYW-4YWX6-6F4BT"},
	{"", "Education", "YNMGQ-8RYV3-4PGQ3-C8XTP-7CFBY"},
	{"", "EducationN", "84NGF-MHBT6-FXBX8-QWJK7-DRR8H"},
	{"", "Professional", "VK7JG-NPHTM-C97JM-9MPGT-3V66T"},
	{"", "ProfessionalN", "2B87N-8KFHP-DKV6R-Y2C8J-PKCKT"},
	{"", "ProfessionalEducation", "8PTT6-RNW4C-6V7J2-C2D3X-MHBPB"},
	{"", "ProfessionalEducationN", "GJTYN-HDMQY-FRR76-HVGC7-QPF8P"},
	{"", "ProfessionalWorkstation", "DXG7C-N36C4-C4HTG-X4T3X-2YV77"},
	{"", "ProfessionalWorkstationN", "WYPNQ-8C467-V2W6J-TX4WX-WT2RQ"},
	{"", "Enterprise", "XGVPP-NMH47-7TTHJ-W3FW7-8HV2C"},
	{"", "EnterpriseN", "WGGHN-J84D6-QYCPR-T7PJ7-X766F"},
	{"", "IoTEnterpriseS", "CGK42-GYN6Y-VD22B-BX98W-J8JXD"},
}

// KMSClientKey is Microsoft's public KMS client setup key (GVLK) of a product
// and edition. editionID is the WIM's EDITIONID ("ServerStandard",
// "Professional"), or DISM's for Server Core ("ServerStandardCor"). False when there is none: evaluation and Home editions have
// no such key.
func KMSClientKey(p Product, editionID string) (string, bool) {
	if p.Name == "" {
		return "", false // else the rows of every client product would fit
	}
	longTerm := strings.EqualFold(editionID, "EnterpriseS") || strings.EqualFold(editionID, "EnterpriseSN")
	if longTerm && p.Build < 14393 {
		return "", false // LTSB 2015 has keys of its own, which are not listed here
	}
	if !p.Server && p.Build < 16299 {
		if key, ok := lookupKey(ltsb2016, p, editionID); ok {
			return key, true
		}
	}
	return lookupKey(kmsClientKeys, p, editionID)
}

// InstallKey is the public key that makes a client's Setup choose an edition
// without asking; it activates nothing. False when there is none, as for
// servers, whose Setup goes by the image alone.
func InstallKey(p Product, editionID string) (string, bool) {
	if p.Server || p.Name == "" {
		return "", false
	}
	return lookupKey(installKeys, p, editionID)
}

func lookupKey(rows []keyRow, p Product, editionID string) (string, bool) {
	for _, row := range rows {
		if (row.product == p.Name || row.product == "" && !p.Server) && SameEdition(row.edition, editionID) {
			return row.key, true
		}
	}
	return "", false
}

// KeyOwner says which product and edition a public key belongs to. The
// product is "" when the key is every client product's. False for a key that
// is not public: only Microsoft knows what it is for.
func KeyOwner(key string) (product, editionID string, ok bool) {
	for _, rows := range [][]keyRow{kmsClientKeys, ltsb2016, installKeys} {
		for _, row := range rows {
			if strings.EqualFold(row.key, strings.TrimSpace(key)) {
				return row.product, row.edition, true
			}
		}
	}
	return "", "", false
}

// KeyFits tells whether a key can belong to a product and edition. A key that is
// not public fits as far as anybody can tell but Microsoft. A public one fits
// where KMSClientKey or InstallKey gives it: the long-term editions of 2016 and
// of later versions have the same EDITIONID, and other keys.
func KeyFits(p Product, editionID, key string) bool {
	if _, _, public := KeyOwner(key); !public {
		return true
	}
	for _, find := range []func(Product, string) (string, bool){KMSClientKey, InstallKey} {
		if own, ok := find(p, editionID); ok && strings.EqualFold(own, strings.TrimSpace(key)) {
			return true
		}
	}
	return false
}

// A key is 25 letters of an alphabet without vowels and look-alikes.
var keyForm = regexp.MustCompile(`^[BCDFGHJKMNPQRTVWXY2346789]{5}(-[BCDFGHJKMNPQRTVWXY2346789]{5}){4}$`)

// IsKeyForm tells whether a text has the form of a product key.
func IsKeyForm(key string) bool { return keyForm.MatchString(strings.ToUpper(key)) }

// ParseKey brings a product key into the form that Windows has: capital
// letters, no blanks around it. The error never shows the key, which may be a
// paid one.
func ParseKey(text string) (string, error) {
	key := strings.ToUpper(strings.TrimSpace(text))
	if !IsKeyForm(key) {
		return "", errors.New("not of the form XXXXX-XXXXX-XXXXX-XXXXX-XXXXX, in the letters and digits that product keys have")
	}
	return key, nil
}

// CheckKVMKey refuses a key with which Windows on KVM never gets activated.
func CheckKVMKey(key string) error {
	if IsAVMAKey(key) {
		return errors.New("this is an AVMA key, which activates under Windows Server Datacenter with Hyper-V only, never on KVM; give a KMS client key and kms_host, or a MAK")
	}
	return nil
}

// avmaKeys are the keys of Automatic Virtual Machine Activation
// (learn.microsoft.com/windows-server/get-started/automatic-vm-activation).
var avmaKeys = []string{
	"YQB4H-NKHHJ-Q6K4R-4VMY6-VCH67", "WWVGQ-PNHV9-B89P4-8GGM9-9HPQ4", "6NMQ9-T38WF-6MFGM-QYGYM-88J4G",
	"W3GNR-8DDXR-2TFRP-H8P33-DV9BG", "YDFWN-MJ9JR-3DYRK-FXXRW-78VHK", "F7TB6-YKN8Y-FCC6R-KQ484-VMK3J",
	"H3RNG-8C32Q-Q8FRX-6TDXV-WMBMW", "TNK62-RXVTB-4P47B-2D623-4GF74", "2CTP7-NHT64-BP62M-FV6GG-HFV28",
	"TMJ3Y-NTRTM-FJYXT-T22BY-CWG3J", "C3RCX-M6NRP-6CXC9-TW2F2-4RHYD", "B4YNW-62DX9-W8V6M-82649-MHBKQ",
}

// IsAVMAKey tells a key of Automatic Virtual Machine Activation, which works
// under Windows Server Datacenter with Hyper-V only.
func IsAVMAKey(key string) bool {
	for _, one := range avmaKeys {
		if strings.EqualFold(one, strings.TrimSpace(key)) {
			return true
		}
	}
	return false
}
