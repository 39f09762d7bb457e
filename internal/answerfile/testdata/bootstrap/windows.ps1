# What bootstrap.ps1 needs of Windows, for the PowerShell engine of the tests.
# $global:Com1 collects what is written to COM1; $global:State is the machine.
$global:Com1 = @()
$global:State = @{
    ExitCodes = @{}      # program or installer's leaf -> codes, one a run
    Hang      = ''       # leaf that never ends
    Running   = @()
    Links     = 0        # how often the adapter is still without link
    Addresses = 0
    Profiles  = 0
    Category  = 'Public'
    WSMan     = @{
        'MaxTimeoutms'               = '60000'
        'Shell\MaxMemoryPerShellMB'  = '1024'
        'Shell\MaxProcessesPerShell' = '25'
        'Shell\MaxShellsPerUser'     = '2147483647'
        'Service\Auth\Basic'         = 'false'
    }
    Refuse    = @{}      # WSMan path -> what WinRM says to a write
    Listeners = @('Listener_1084132640')
    Rules     = @('WINRM-HTTP-In-TCP', 'WINRM-HTTP-In-TCP-PUBLIC')
    Com1Held  = 0        # how often opening COM1 fails
    Slept     = 0
    Killed    = @()      # leaves
    Started   = @{}      # leaf -> runs
}
$env:PROCESSOR_ARCHITECTURE = 'AMD64'
$service = 'HKLM:\SYSTEM\CurrentControlSet\Services\WinRM'
foreach ($name in 'WinRM', 'QEMU-GA', 'QEMU Guest Agent VSS Provider') {
    $null = New-Item -Path "HKLM:\SYSTEM\CurrentControlSet\Services\$name" -Force
}
$null = New-ItemProperty -Path $service -Name Start -Value 3 -PropertyType DWord -Force

function Get-Code([string]$Name) {
    $codes = $global:State.ExitCodes[$Name]
    if ($null -eq $codes) { return 0 }
    $first, $rest = $codes
    if ($null -ne $rest) { $global:State.ExitCodes[$Name] = @($rest) }
    $first
}

New-Stub powercfg.exe { $global:LASTEXITCODE = Get-Code 'powercfg.exe' }
New-Stub fltmc.exe { $global:LASTEXITCODE = Get-Code 'fltmc.exe' }
New-Stub sc.exe { $global:LASTEXITCODE = Get-Code 'sc.exe' }
New-Stub netsh.exe { $global:LASTEXITCODE = Get-Code 'netsh.exe' }
New-Stub Start-Sleep { if ($Seconds) { $global:State.Slept += $Seconds } }

New-Stub New-Object {
    if ($TypeName -ne 'System.IO.Ports.SerialPort') { throw "no New-Object for $TypeName" }
    $port = [pscustomobject]@{ WriteTimeout = -1; IsOpen = $false }
    $port | Add-Member -MemberType ScriptMethod -Name Open -Value {
        if ($global:State.Com1Held -gt 0) { $global:State.Com1Held--; throw "Access to the port 'COM1' is denied." }
        $this.IsOpen = $true
    }
    $port | Add-Member -MemberType ScriptMethod -Name Write -Value {
        param($Text)
        if (-not $this.IsOpen) { throw 'The port is closed.' }
        if ($this.WriteTimeout -lt 0) { throw 'the test allows no write without a time-out' }
        $global:Com1 += $Text
    }
    $port | Add-Member -MemberType ScriptMethod -Name Close -Value { $this.IsOpen = $false }
    $port
}

New-Stub Start-Process {
    $leaf = Split-Path -Leaf $FilePath
    if ($leaf -eq 'msiexec.exe' -and "$ArgumentList" -match '([^\\"]+\.msi)"') { $leaf = $Matches[1] }
    $process = [pscustomobject]@{ Handle = 1; HasExited = ($global:State.Hang -ne $leaf); ExitCode = (Get-Code $leaf)}
    $process | Add-Member -MemberType ScriptMethod -Name WaitForExit -Value { param($Milliseconds) $Milliseconds -gt 0 -and $this.HasExited }
    $process | Add-Member -MemberType NoteProperty -Name Leaf -Value $leaf
    $process | Add-Member -MemberType ScriptMethod -Name Kill -Value { $global:State.Killed += $this.Leaf }
    $global:State.Started[$leaf] = 1 + $global:State.Started[$leaf]
    $process
}

New-Stub Get-Service {
    $status = 'Stopped'
    if ($global:State.Running -contains $Name[0]) { $status = 'Running' }
    [pscustomobject]@{ Name = $Name[0]; Status = $status }
}
New-Stub Start-Service { $global:State.Running += $Name }
New-Stub Restart-Service { }

New-Stub Get-NetAdapter {
    if ($global:State.Links -lt 0) { return }
    $status = 'Up'
    if ($global:State.Links -gt 0) { $global:State.Links--; $status = 'Disconnected' }
    [pscustomobject]@{ Name = 'Ethernet'; Status = $status }
}
New-Stub Get-NetIPAddress {
    [pscustomobject]@{ IPAddress = '127.0.0.1' }
    if ($global:State.Addresses -gt 0) { $global:State.Addresses--; [pscustomobject]@{ IPAddress = '169.254.7.7' } }
    else { [pscustomobject]@{ IPAddress = '192.168.122.50' } }
}
New-Stub Get-NetConnectionProfile {
    if ($global:State.Profiles -gt 0) { $global:State.Profiles--; return }
    [pscustomobject]@{ Name = 'Network'; InterfaceIndex = 4; NetworkCategory = $global:State.Category }
}
New-Stub Set-NetConnectionProfile { $global:State.Category = "$NetworkCategory" }

New-Stub Import-Certificate { [pscustomobject]@{ Thumbprint = 'CC' } }
New-Stub Import-PfxCertificate {
    $raw = [System.Text.Encoding]::ASCII.GetBytes('the certificate of this build')
    [pscustomobject]@{ Thumbprint = 'AA00'; RawData = $raw }
}

New-Stub Get-NetFirewallRule {
    foreach ($rule in $global:State.Rules) { if ($rule -like $Name[0]) { [pscustomobject]@{ Name = $rule } } }
}
New-Stub Disable-NetFirewallRule { $gone = @($InputObject)[0].Name; $global:State.Rules = @($global:State.Rules | Where-Object { $_ -ne $gone }) }
New-Stub Remove-NetFirewallRule { $gone = @($InputObject)[0].Name; $global:State.Rules = @($global:State.Rules | Where-Object { $_ -ne $gone }) }
New-Stub New-NetFirewallRule { $global:State.Rules += $Name }

# The WSMan: drive, which this engine has not. Other paths go on as they came.
$global:Cmdlet = @{}
foreach ($name in 'Set-Item', 'Get-Item', 'Get-ChildItem', 'Remove-Item', 'New-Item') {
    $global:Cmdlet[$name] = Get-Command -Name $name -CommandType Cmdlet
}
function Test-WSMan($Path) { "$Path" -like 'WSMan:*' }
function Add-Call([string]$Command, $Parameters) {
    ConvertTo-Json -Compress -InputObject @{ command = $Command; parameters = $Parameters } | Add-Content -LiteralPath $env:PWSH_CALLS
}
function Get-WSManKey($Path) { "$Path" -replace '^WSMan:\\localhost\\', '' }

function Set-Item {
    param($Path, $Value, [switch]$Force)
    if (-not (Test-WSMan $Path)) { return & $global:Cmdlet['Set-Item'] @PSBoundParameters }
    Add-Call 'Set-Item' @{ Path = $Path; Value = $Value }
    $key = Get-WSManKey $Path
    if ($global:State.Category -eq 'Public') { throw 'WinRM cannot be configured: one connection is Public (2150859113)' }
    if ($global:State.Refuse[$key]) { throw $global:State.Refuse[$key] }
    if (-not $Force) { throw 'asks on the console' }
    $global:State.WSMan[$key] = "$Value"
}
function Get-Item {
    param($Path, $LiteralPath)
    if (-not (Test-WSMan $Path)) { return & $global:Cmdlet['Get-Item'] @PSBoundParameters }
    [pscustomobject]@{ Value = $global:State.WSMan[(Get-WSManKey $Path)] }
}
function Get-ChildItem {
    param($Path)
    if (-not (Test-WSMan $Path)) { return & $global:Cmdlet['Get-ChildItem'] @PSBoundParameters }
    foreach ($name in $global:State.Listeners) { [pscustomobject]@{ Name = $name } }
}
function Remove-Item {
    param($Path, [switch]$Recurse, [switch]$Force)
    if (-not (Test-WSMan $Path)) { return & $global:Cmdlet['Remove-Item'] @PSBoundParameters }
    Add-Call 'Remove-Item' @{ Path = $Path; Recurse = [bool]$Recurse; Force = [bool]$Force }
    $name = (Get-WSManKey $Path) -replace '^Listener\\', ''
    $global:State.Listeners = @($global:State.Listeners | Where-Object { $_ -ne $name })
}
function New-Item {
    param($Path, $ItemType, [switch]$Force, $Transport, $Address, $Port, $CertificateThumbPrint)
    if (-not (Test-WSMan $Path)) { return & $global:Cmdlet['New-Item'] @PSBoundParameters }
    Add-Call 'New-Item' @{ Path = $Path; Transport = $Transport; Address = $Address; Port = $Port; CertificateThumbPrint = $CertificateThumbPrint; Force = [bool]$Force }
    if ($global:State.Refuse['Listener']) { throw $global:State.Refuse['Listener'] }
    $global:State.Listeners += 'Listener_5986'
}
