# Setup puts a recovery partition behind drive C: (Server 2022 and 2025, Windows 11), and an instance's C: can
# only grow into space that follows it.
$letter = $env:SystemDrive.Substring(0, 1)
$recoveryType = '{de94bba4-06d1-4d40-a16a-bfd50179d6ac}'
# Below this a difference is alignment, which Resize-Partition refuses as "not supported".
$slack = 1MB

function Get-Windows { Get-Partition -DriveLetter $letter -ErrorAction SilentlyContinue | Select-Object -First 1 }

function Get-Kind($Partition) {
    if ($Partition.PSObject.Properties['GptType'] -and "$($Partition.GptType)" -ne '') { return "$($Partition.GptType)".ToLowerInvariant() }
    if ($Partition.PSObject.Properties['MbrType'] -and "$($Partition.MbrType)" -ne '') { return 'mbr-0x{0:x2}' -f [int]$Partition.MbrType }
    'unknown'
}

function Get-Summary($Partition) {
    @{ number = [int]$Partition.PartitionNumber; offset = [long]$Partition.Offset; size = [long]$Partition.Size; type = (Get-Kind -Partition $Partition) }
}

function Test-Recovery($Partition) { (Get-Kind -Partition $Partition) -in $recoveryType, 'mbr-0x27' }

# diskpart.exe where a cmdlet fails: on some builds the Storage module refuses protected partitions.
function Invoke-DiskPart([string[]]$Lines) {
    $file = Join-Path -Path $env:TEMP -ChildPath 'wintemplate-diskpart.txt'
    Write-Text -Path $file -Text (($Lines -join "`r`n") + "`r`n")
    try { Invoke-Program -File 'diskpart.exe' -Arguments '/s', "`"$file`"" -TimeoutSeconds 300 } finally { Remove-Item -LiteralPath $file -Force -ErrorAction SilentlyContinue }
}

Update-HostStorageCache
$windows = Get-Windows
if ($null -eq $windows) { Stop-Operation -Code 'no-windows' -Message "no partition has the drive letter $letter" }
$number = [int]$windows.DiskNumber
$before = [long]$windows.Size
$all = @(Get-Partition -DiskNumber $number | Sort-Object -Property Offset)
$after = @($all | Where-Object { [long]$_.Offset -gt [long]$windows.Offset })
$kept = @($all | Where-Object { [long]$_.Offset -lt [long]$windows.Offset -and (Test-Recovery -Partition $_) } | ForEach-Object { Get-Summary -Partition $_ })

if ($Parameters.keep) {
    # Tells the builder, whose disk check wants Windows to be last.
    Send-Beacon -Stage 'guest.recovery.keep' -State 'info'
    $kept += @($after | Where-Object { Test-Recovery -Partition $_ } | ForEach-Object { Get-Summary -Partition $_ })
    return Complete-Operation -Result @{ removed = @(); kept = $kept; disabled = $false; size_before = $before; size_after = $before }
}

# All are looked at before the first is touched: what is not known to be Windows' own stays, whole.
foreach ($p in $after) {
    $object = "partition $($p.PartitionNumber) of disk $number ($(Get-Kind -Partition $p), $([long]$p.Size) bytes)"
    if (-not (Test-Recovery -Partition $p)) {
        Stop-Operation -Code 'not-recovery' -Message "$object lies behind drive ${letter}: and is no recovery partition, so nothing was changed; put it before Windows, or keep it with recovery_partition = `"keep`""
    }
    if ([bool]$p.IsActive -or [bool]$p.IsSystem -or [bool]$p.IsBoot) {
        Stop-Operation -Code 'in-use' -Message "$object is of the recovery type, but the machine starts from it, so nothing was changed"
    }
}

$disabled = $false
$removed = @()
if ($after.Count -gt 0) {
    # Brings Winre.wim back to System32\Recovery and takes its boot entry away. 2: it was disabled already.
    $code = Invoke-Program -File 'reagentc.exe' -Arguments '/disable' -TimeoutSeconds 300
    if ($code -notin 0, 2) {
        Stop-Operation -Code 'reagentc' -Message "reagentc.exe /disable ended with $code, so the recovery partition was left; its log is $env:SystemRoot\Logs\ReAgent\ReAgent.log in the guest"
    }
    $disabled = $code -eq 0
}
foreach ($p in $after) {
    $of = [int]$p.PartitionNumber
    $said = ''
    try {
        Remove-Partition -DiskNumber $number -PartitionNumber $of -Confirm:$false
    } catch {
        $said = "$_"
        $code = Invoke-DiskPart -Lines "select disk $number", "select partition $of", 'delete partition override'
        if ($code -ne 0) { Stop-Operation -Code 'remove' -Message "partition $of of disk $number could not be removed: diskpart.exe ended with $code" -Detail $said }
    }
    if (@(Get-Partition -DiskNumber $number | Where-Object { [long]$_.Offset -eq [long]$p.Offset }).Count -gt 0) {
        Stop-Operation -Code 'remove' -Message "partition $of of disk $number is still there after it was removed" -Detail $said
    }
    $removed += Get-Summary -Partition $p
}

# Also when nothing was removed: an earlier run may have come no further.
$said = ''
$limit = [long](Get-PartitionSupportedSize -DriveLetter $letter).SizeMax
if ($limit - $before -ge $slack) {
    try {
        Resize-Partition -DriveLetter $letter -Size $limit -Confirm:$false
    } catch {
        $said = "$_"
        $code = Invoke-DiskPart -Lines "select volume $letter", 'extend'
        if ($code -ne 0) { Stop-Operation -Code 'extend' -Message "drive ${letter}: could not be extended: diskpart.exe ended with $code" -Detail $said }
    }
}
$size = [long](Get-Windows).Size
if ($limit - $size -ge $slack) {
    Stop-Operation -Code 'extend' -Message "drive ${letter}: has $size bytes after it was extended, expected $limit" -Detail $said
}
Complete-Operation -Result @{ removed = $removed; kept = $kept; disabled = $disabled; size_before = $before; size_after = $size }
