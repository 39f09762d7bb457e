$script:steps = @()
function Add-Step([string]$Name, [scriptblock]$Do) {
    try { $code = & $Do; $script:steps += @{ name = $Name; code = [int]$code; error = '' } } catch { $script:steps += @{ name = $Name; code = -1; error = "$_" } }
}
function Get-FreeSpace { [long](Get-CimInstance -ClassName Win32_LogicalDisk -Filter "DeviceID = '$env:SystemDrive'").FreeSpace }
# What is open stays; the build's own things are the seal's.
function Clear-Folder([string]$Path) {
    Get-ChildItem -LiteralPath $Path -Force -ErrorAction SilentlyContinue | Where-Object { $_.Name -notlike 'wintemplate*' } |
        Remove-Item -Recurse -Force -ErrorAction SilentlyContinue
    0
}

$before = Get-FreeSpace
if ($Parameters.component_store) {
    Add-Step 'component-store' {
        $arguments = @('/Online', '/Cleanup-Image', '/StartComponentCleanup', '/Quiet', '/NoRestart')
        if ($Parameters.reset_base) { $arguments += '/ResetBase' }
        Invoke-Program -File 'dism.exe' -Arguments $arguments -TimeoutSeconds $Parameters.timeout_seconds
    }
}
if ($Parameters.temp) {
    Add-Step 'updates' {
        foreach ($name in 'wuauserv', 'bits') { if (Test-ServiceRunning -Name $name) { Stop-Service -Name $name -Force -ErrorAction SilentlyContinue } }
        Clear-Folder -Path "$env:SystemRoot\SoftwareDistribution\Download"
    }
    # DISM's log has its command lines, and so the product key of an edition that was converted.
    foreach ($folder in "$env:SystemRoot\Temp", "$env:SystemRoot\Logs\CBS", "$env:SystemRoot\Logs\DISM", "$env:ProgramData\Microsoft\Windows\WER\ReportArchive", "$env:ProgramData\Microsoft\Windows\WER\ReportQueue") {
        Add-Step $folder { Clear-Folder -Path $folder }
    }
}
if ($Parameters.hibernation) { Add-Step 'hibernation' { Invoke-Program -File 'powercfg.exe' -Arguments '/hibernate', 'off' -TimeoutSeconds 60 } }
$reboot = $false
if ($Parameters.page_file) {
    Add-Step 'page-file' {
        $key = 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management'
        $computer = Get-CimInstance -ClassName Win32_ComputerSystem
        if ($computer.AutomaticManagedPagefile) { Set-CimInstance -InputObject $computer -Property @{ AutomaticManagedPagefile = $false } }
        New-ItemProperty -LiteralPath $key -Name 'PagingFiles' -PropertyType MultiString -Value @() -Force | Out-Null
        0
    }
    $reboot = $true
}
if ($Parameters.event_logs) {
    Add-Step 'event-logs' {
        foreach ($log in 'Application', 'Security', 'Setup', 'System') {
            $code = Invoke-Program -File 'wevtutil.exe' -Arguments 'clear-log', $log -TimeoutSeconds 120
            if ($code -ne 0) { throw "wevtutil.exe clear-log $log ended with $code" }
        }
        0
    }
}
if ($Parameters.trim) {
    Add-Step 'trim' {
        $why = Invoke-Retrim -TimeoutSeconds ([Math]::Min([int]$Parameters.timeout_seconds, 600))
        if ($why -ne '') { throw $why }
        0
    }
}
Complete-Operation -Reboot $reboot -Result @{ freed_bytes = (Get-FreeSpace) - $before; steps = $script:steps }
