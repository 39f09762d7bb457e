package guest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest"
	"github.com/wintemplate/packer-plugin-wintemplate/internal/guest/scripttest"
)

// A disk of 40 GiB as the Storage module shows it. Add-TestPartition takes the
// type as GPT has it, or a number for MBR.
const storage = `
$global:DiskEnd = 42949672960 - 1MB
$global:Partitions = @()
function global:Add-TestPartition([int]$Number, [long]$Offset, [long]$Size, $Type, [string]$Letter = '', [hashtable]$More = @{}) {
    $p = @{ DiskNumber = [uint32]0; PartitionNumber = [uint32]$Number; Offset = [uint64]$Offset; Size = [uint64]$Size; GptType = $null; MbrType = $null; DriveLetter = $Letter; IsActive = $false; IsSystem = $false; IsBoot = $false }
    if ($Type -is [string]) { $p.GptType = $Type } else { $p.MbrType = [uint16]$Type }
    foreach ($k in $More.Keys) { $p[$k] = $More[$k] }
    $global:Partitions += [pscustomobject]$p
}
function global:Add-Windows([int]$Number, [long]$Size, $Type) { Add-TestPartition $Number 400MB $Size $Type 'C' @{ IsBoot = $true } }
function global:Set-Removed([int]$Number) { $global:Partitions = @($global:Partitions | Where-Object { $_.PartitionNumber -ne $Number }) }
function global:Get-Limit {
    $c = $global:Partitions | Where-Object { $_.DriveLetter -eq 'C' }
    $next = @($global:Partitions | Where-Object { $_.Offset -gt $c.Offset } | Sort-Object -Property Offset)
    if ($next.Count -gt 0) { [uint64]($next[0].Offset - $c.Offset) } else { [uint64]($global:DiskEnd - $c.Offset) }
}
$global:RemoveError = ''; $global:ResizeError = ''; $global:ResizeTo = $null
New-Stub Get-Partition { $global:Partitions | Where-Object { ($null -eq $DriveLetter -or $_.DriveLetter -in $DriveLetter) -and ($null -eq $DiskNumber -or $_.DiskNumber -in $DiskNumber) } }
New-Stub Remove-Partition { if ($global:RemoveError -ne '') { throw $global:RemoveError }; Set-Removed $PartitionNumber[0] }
New-Stub Get-PartitionSupportedSize { [pscustomobject]@{ SizeMin = [uint64]1GB; SizeMax = (Get-Limit) } }
New-Stub Resize-Partition {
    if ($global:ResizeError -ne '') { throw $global:ResizeError }
    $to = $Size; if ($null -ne $global:ResizeTo) { $to = $global:ResizeTo }
    ($global:Partitions | Where-Object { $_.DriveLetter -eq 'C' }).Size = $to
}
New-Stub reagentc.exe { Resolve-Exit 'reagentc.exe' $args }
New-Stub diskpart.exe { $global:DiskPart = Get-Content -LiteralPath ($args[1].Trim('"')) -Raw; Resolve-Exit 'diskpart.exe' $args }
`

const (
	re     = "'{de94bba4-06d1-4d40-a16a-bfd50179d6ac}'"
	basic  = "'{ebd0a0a2-b9e5-4433-87c0-68b6b72699c7}'"
	behind = "Add-TestPartition 4 41.3GB 650MB " // plus its type
)

var gptLayout = "Add-TestPartition 1 1MB 300MB '{c12a7328-f81f-11d2-ba4b-00a0c93ec93b}'; Add-TestPartition 2 301MB 16MB '{e3c9e316-0b5c-4db8-817d-f92df00215ae}'; " +
	fmt.Sprintf("Add-Windows 3 (41.3GB - 400MB) %s\n", basic)

// diskOf is a machine with a disk that ends at 42 GiB, whatever its layout.
func diskOf(t *testing.T, layout ...string) *scripttest.Machine {
	t.Helper()
	return scripttest.New(t).Set(storage).Set("$global:DiskEnd = 42GB").Set(strings.Join(layout, "\n"))
}

// untouched says that nothing was done to the disk or to Windows RE.
func untouched(t *testing.T, m *scripttest.Machine) {
	t.Helper()
	if c := m.Calls(t, "Remove-Partition", "Resize-Partition", "reagentc.exe", "diskpart.exe"); len(c) > 0 {
		t.Errorf("something was changed: %v", c)
	}
}

func TestRecoveryRemove(t *testing.T) {
	t.Parallel()
	mbr := "Add-TestPartition 1 1MB 350MB 7 '' @{ IsActive = $true; IsSystem = $true }; Add-Windows 2 (41.3GB - 400MB) 7"
	for name, c := range map[string]struct {
		layout   []string
		number   int
		disabled bool
		kind     string
	}{
		"GPT":                        {[]string{gptLayout, behind + re}, 4, true, strings.Trim(re, "'")},
		"GPT, type in capitals":      {[]string{gptLayout, behind + strings.ToUpper(re)}, 4, true, strings.Trim(re, "'")},
		"GPT, Windows RE is off":     {[]string{gptLayout, behind + re, "$global:Exit['reagentc.exe'] = 2"}, 4, false, strings.Trim(re, "'")},
		"MBR":                        {[]string{mbr, "Add-TestPartition 3 41.3GB 650MB 39"}, 3, true, "mbr-0x27"},
		"the Storage module refuses": {[]string{gptLayout, behind + re, "$global:RemoveError = 'access denied'; $global:OnRun['diskpart.exe'] = { if ($global:DiskPart -like '*delete partition override*') { Set-Removed 4 } }"}, 4, true, strings.Trim(re, "'")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := diskOf(t, c.layout...)
			r, reboot := do(t, guest.RecoveryRemove, m, guest.RecoveryRemoveParameters{})
			if len(r.Removed) != 1 || r.Removed[0].Number != c.number || r.Removed[0].Type != c.kind || r.Removed[0].Size != 650<<20 || r.Disabled != c.disabled || len(r.Kept) != 0 || reboot {
				t.Errorf("%+v, reboot %v", r, reboot)
			}
			if r.SizeAfter != 42<<30-400<<20 || r.SizeBefore >= r.SizeAfter {
				t.Errorf("drive C: had %d bytes, has %d", r.SizeBefore, r.SizeAfter)
			}
			if calls := m.Calls(t, "reagentc.exe"); len(calls) != 1 || calls[0].String() != "reagentc.exe /disable" {
				t.Errorf("%v", calls)
			}
		})
	}
}

func TestRecoveryRemoveHasNothingToDo(t *testing.T) {
	t.Parallel()
	whole := strings.Replace(gptLayout, "(41.3GB - 400MB)", "(42GB - 400MB - 512KB)", 1)
	m := diskOf(t, whole, "Set-Removed 2; Add-TestPartition 2 301MB 90MB "+re)
	r, _ := do(t, guest.RecoveryRemove, m, guest.RecoveryRemoveParameters{})
	if len(r.Removed) != 0 || r.SizeAfter != r.SizeBefore || len(r.Kept) != 1 || r.Kept[0].Number != 2 {
		t.Errorf("%+v", r)
	}
	untouched(t, m)
	// An earlier run was cut off between removal and extension.
	m = diskOf(t, gptLayout)
	if r, _ := do(t, guest.RecoveryRemove, m, guest.RecoveryRemoveParameters{}); len(r.Removed) != 0 || r.Disabled || r.SizeAfter != 42<<30-400<<20 {
		t.Errorf("%+v", r)
	}
}

func TestRecoveryKeep(t *testing.T) {
	t.Parallel()
	m := diskOf(t, gptLayout, behind+re)
	r, _ := do(t, guest.RecoveryRemove, m, guest.RecoveryRemoveParameters{Keep: true})
	if len(r.Removed) != 0 || len(r.Kept) != 1 || r.SizeAfter != r.SizeBefore {
		t.Errorf("%+v", r)
	}
	untouched(t, m)
	if b := m.Beacons(t); len(b) != 1 || b[0] != "guest.recovery.keep info" {
		t.Errorf("COM1: %v", b)
	}
}

// TestRecoveryRemoveFails: what is not recognised stays, and each step that
// fails is told.
func TestRecoveryRemoveFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		layout    []string
		code      string
		says      string
		untouched bool
	}{
		"a data partition behind Windows":    {[]string{gptLayout, behind + basic}, "not-recovery", "partition 4 of disk 0", true},
		"data behind the recovery partition": {[]string{gptLayout, behind + re, "Add-TestPartition 5 41.95GB 20MB " + basic}, "not-recovery", "partition 5", true},
		"a Linux partition, MBR":             {[]string{"Add-Windows 1 (41.3GB - 400MB) 7", "Add-TestPartition 2 41.3GB 650MB 131"}, "not-recovery", "mbr-0x83", true},
		"the machine starts from it":         {[]string{"Add-Windows 1 (41.3GB - 400MB) 7", "Add-TestPartition 2 41.3GB 650MB 39 '' @{ IsActive = $true }"}, "in-use", "partition 2", true},
		"the system partition":               {[]string{gptLayout, behind + re + " '' @{ IsSystem = $true }"}, "in-use", "partition 4", true},
		"no drive C:":                        {nil, "no-windows", "drive letter C", true},
		"reagentc.exe":                       {[]string{gptLayout, behind + re, "$global:Exit['reagentc.exe'] = 5"}, "reagentc", "ended with 5", false},
		"diskpart.exe deletes nothing":       {[]string{gptLayout, behind + re, "$global:RemoveError = 'x'; $global:Exit['diskpart.exe'] = 8"}, "remove", "ended with 8", false},
		"it is still there":                  {[]string{gptLayout, behind + re, "$global:RemoveError = 'x'"}, "remove", "still there", false},
		"the extension fails":                {[]string{gptLayout, behind + re, "$global:ResizeError = 'x'; $global:Exit['diskpart.exe'] = 9"}, "extend", "ended with 9", false},
		"the extension does nothing":         {[]string{gptLayout, behind + re, "$global:ResizeTo = [uint64]30GB"}, "extend", "expected", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := diskOf(t, c.layout...)
			if f := fails(t, guest.RecoveryRemove, m, guest.RecoveryRemoveParameters{}, c.code); !strings.Contains(f.Message, c.says) {
				t.Errorf("%q does not say %q", f.Message, c.says)
			}
			if c.untouched {
				untouched(t, m)
			}
			if c.code == "reagentc" && len(m.Calls(t, "Remove-Partition")) > 0 {
				t.Error("the partition was removed although Windows RE lies on it")
			}
		})
	}
}
