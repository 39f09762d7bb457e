# What all operations share. The operation's own file follows; $Parameters holds its parameters.
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

function Stop-Operation([string]$Code, [string]$Message, [string]$Detail = '') {
    $e = New-Object -TypeName System.InvalidOperationException -ArgumentList $Message
    $e.Data['code'] = $Code
    $e.Data['detail'] = $Detail
    throw $e
}

function Complete-Operation([hashtable]$Result = @{}, [bool]$Reboot = $false) {
    @{ wintemplate = 1; result = $Result; reboot = $Reboot }
}

function Get-RegistryValue([string]$Key, [string]$Name, $Default = $null) {
    $k = Get-Item -LiteralPath $Key -ErrorAction SilentlyContinue
    if ($null -eq $k) { return $Default }
    $k.GetValue($Name, $Default)
}

# One line on COM1. The port is exclusive and may be absent: a beacon that is lost must harm nothing.
function Send-Beacon([string]$Stage, [string]$State, [string]$Text = '') {
    $line = ("wintemplate: $Stage $State $Text" -replace '[^\x20-\x7e]', '?' -replace '[&|<>^%]', ' ').Trim()
    for ($i = 0; $i -lt 5; $i++) {
        $port = $null
        try {
            # .NET Framework's FileStream refuses devices, so Out-File and > cannot open COM1.
            $port = New-Object -TypeName System.IO.Ports.SerialPort -ArgumentList 'COM1', 115200
            $port.WriteTimeout = 2000
            $port.Open()
            $port.Write("$line`r`n")
            return
        } catch {
            Start-Sleep -Milliseconds 200
        } finally {
            if ($null -ne $port) { $port.Dispose() }
        }
    }
}

# Tells a waiting session how far a detached task has come.
function Enter-Stage([string]$Name) {
    if (Test-Path -Path Variable:WintemplateTask) {
        Set-Content -LiteralPath (Join-Path -Path $WintemplateTask -ChildPath 'stage') -Value $Name -Encoding ASCII
    }
}

# Its id changes with every boot and with nothing else: a volatile key dies with the boot that made it.
# Wall clock minus uptime, as LastBootUpTime is computed, moves with a clock step.
function Get-Boot {
    $key = [Microsoft.Win32.Registry]::LocalMachine.CreateSubKey('SOFTWARE\wintemplate-boot', [Microsoft.Win32.RegistryKeyPermissionCheck]::ReadWriteSubTree, [Microsoft.Win32.RegistryOptions]::Volatile)
    try {
        $id = [string]$key.GetValue('Id', '')
        if ($id -eq '') {
            $id = [guid]::NewGuid().ToString()
            $key.SetValue('Id', $id)
        }
    } finally {
        $key.Dispose()
    }
    $ticks = [long][Environment]::TickCount
    if ($ticks -lt 0) { $ticks += 4294967296 }
    @{ Id = $id; UptimeSeconds = [long][Math]::Floor($ticks / 1000) }
}

function Get-ProcessIdentity {
    $identity = [Security.Principal.WindowsIdentity]::GetCurrent()
    $principal = New-Object -TypeName Security.Principal.WindowsPrincipal -ArgumentList $identity
    @{
        Elevated = $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
        System   = $identity.IsSystem
        Is64Bit  = [Environment]::Is64BitProcess
    }
}

function Get-ImageState {
    [string](Get-RegistryValue -Key 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State' -Name 'ImageState' -Default '')
}

function Get-PendingReboot {
    if (Test-Path -LiteralPath 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending') { 'servicing' }
    if (Test-Path -LiteralPath 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired') { 'windows-update' }
    $rename = @(Get-RegistryValue -Key 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager' -Name 'PendingFileRenameOperations')
    if (@($rename | Where-Object { "$_" -ne '' }).Count -gt 0) { 'file-rename' }
    $names = 'HKLM:\SYSTEM\CurrentControlSet\Control\ComputerName'
    $active = Get-RegistryValue -Key "$names\ActiveComputerName" -Name 'ComputerName'
    if ($null -ne $active -and $active -ne (Get-RegistryValue -Key "$names\ComputerName" -Name 'ComputerName')) { 'computer-name' }
}

# Start as the registry has it: 0 boot, 2 automatic, 3 demand, 4 disabled; -1: there is no such service.
function Get-ServiceStart([string]$Name) {
    [int](Get-RegistryValue -Key "HKLM:\SYSTEM\CurrentControlSet\Services\$Name" -Name 'Start' -Default -1)
}

function Test-ServiceRunning([string]$Name) {
    $s = Get-Service -Name $Name -ErrorAction SilentlyContinue
    $null -ne $s -and "$($s.Status)" -eq 'Running'
}

function Get-InstalledVersion([string]$Product) {
    foreach ($root in 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall', 'HKLM:\SOFTWARE\WOW6432Node\Microsoft\Windows\CurrentVersion\Uninstall') {
        foreach ($k in @(Get-ChildItem -LiteralPath $root -ErrorAction SilentlyContinue)) {
            if ([string]$k.GetValue('DisplayName', '') -like $Product) { return [string]$k.GetValue('DisplayVersion', '') }
        }
    }
    ''
}

function Get-Sha256([string]$Path) {
    (Get-FileHash -LiteralPath $Path -Algorithm SHA256).Hash.ToLowerInvariant()
}

function Write-Text([string]$Path, [string]$Text, [string]$Encoding = 'ASCII') {
    $folder = Split-Path -Path $Path -Parent
    if (-not (Test-Path -LiteralPath $folder)) { New-Item -ItemType Directory -Path $folder -Force | Out-Null }
    Set-Content -LiteralPath $Path -Value $Text -Encoding $Encoding -NoNewline
}

# A file, or a folder or key with all below it. What another program has open, as a virus scanner has what was just
# written, goes when that one lets go of it, and its folder is not empty until then (PowerShell#8211).
function Remove-Tree([string]$Path) {
    for ($try = 0; Test-Path -LiteralPath $Path; $try++) {
        try {
            Remove-Item -LiteralPath $Path -Recurse -Force
            return
        } catch [System.IO.IOException], [System.UnauthorizedAccessException] {
            if ($try -ge 10) { throw }
            Start-Sleep -Seconds 1
        }
    }
}

# Begins a program. Not by Start-Process: with -NoNewWindow it lets the program go before anybody holds its handle, and
# the exit code of one that has ended by then is lost (PowerShell#5421) - $null, which would be taken for 0. A Process
# that has started the program itself has held it from the first.
function Start-Program([string]$File, [string[]]$Arguments) {
    # CreateProcess looks into the current folder before it looks into Windows'.
    if ($File -notmatch '[\\/]') { $File = "$env:SystemRoot\System32\$File" }
    $start = New-Object -TypeName System.Diagnostics.ProcessStartInfo -ArgumentList $File, ($Arguments -join ' ')
    $start.UseShellExecute = $false
    [System.Diagnostics.Process]::Start($start)
}

# Runs a program to its end and gives its exit code. Arguments that need quotes bring them.
function Invoke-Program([string]$File, [string[]]$Arguments, [int]$TimeoutSeconds) {
    $p = Start-Program -File $File -Arguments $Arguments
    if (-not $p.WaitForExit($TimeoutSeconds * 1000)) {
        try { $p.Kill() } catch { Write-Verbose -Message "$_" }
        Stop-Operation -Code 'timeout' -Message "$File did not end within $TimeoutSeconds seconds"
    }
    [int]$p.ExitCode
}

# Tells the disk which clusters of drive C: are free. Gives '' or why that failed. By programs, which can
# be ended: Optimize-Volume itself knows no time limit.
function Invoke-Retrim([int]$TimeoutSeconds) {
    $why = @()
    $cmdlet = "Optimize-Volume -DriveLetter $($env:SystemDrive.Substring(0, 1)) -ReTrim -ErrorAction Stop"
    foreach ($call in @(@{ File = 'defrag.exe'; Arguments = @($env:SystemDrive, '/L') },
            @{ File = "$env:SystemRoot\System32\WindowsPowerShell\v1.0\powershell.exe"; Arguments = @('-NoProfile', '-NonInteractive', '-Command', $cmdlet) })) {
        $name = Split-Path -Path $call.File -Leaf
        try {
            $code = Invoke-Program -File $call.File -Arguments $call.Arguments -TimeoutSeconds $TimeoutSeconds
            if ($code -eq 0) { return '' }
            $why += "$name ended with $code"
        } catch {
            $why += "$_"
        }
    }
    $why -join '; '
}
