# Windows as the operations see it, as state that a scenario sets and a test reads back.
# Functions of the prelude that reach .NET's Windows-only parts are replaced by alias: an alias wins over the script's own function.

# The engine removes keys by the provider's own path alone. On Windows that is the machine's registry, and the drive the test's.
$global:Hklm = if (Test-Path -Path Variable:TestKey) { 'HKLM:' } else { 'Registry::HKEY_LOCAL_MACHINE' }
$global:BootId = 'boot-1'
$global:Identity = @{ Elevated = $true; System = $true; Is64Bit = $true }
$global:Cim = @{}          # class -> objects
$global:Running = @()      # services that run
$global:Processes = @()    # names of processes
$global:Exit = @{}         # program -> exit code, or a list of codes, one for each call
$global:OnRun = @{}        # program -> block that runs before its exit code is given
$global:Tasks = @{}        # name -> state
$global:Programs = @{}     # task that is one program -> what it runs, as whom, and how far it is
$global:RunsAs = ''        # who runs the program; '' is this script
$global:LaunchResult = 0   # with which a task's logon is refused
$global:NeverEnds = $false # a task's program
$global:Rules = @()        # firewall rules
$global:RuleGroups = @{}   # rule -> group
$global:Users = @{}        # name -> SID
$global:Listeners = @('HTTPS')
$global:Packages = @()     # AppX
$global:Provisioned = @()
$global:OldAppX = $true    # Server 2016's cmdlet, without -AllUsers
$global:RemoveFails = $false
$global:WSManFails = $false
$global:Certificates = @('aa11')

function global:Add-Record([string]$File, [string]$Line) { [IO.File]::AppendAllText($File, "$Line`n") }
function global:Set-Reg([string]$Key, [string]$Name, $Value, [string]$Type = 'String') {
    if (-not (Test-Path -LiteralPath $Key)) { New-Item -Path $Key -Force | Out-Null }
    New-ItemProperty -LiteralPath $Key -Name $Name -Value $Value -PropertyType $Type -Force | Out-Null
}
function global:Set-TestService([string]$Name, [int]$Start, [string]$ImagePath = '') {
    Set-Reg "HKLM:\SYSTEM\CurrentControlSet\Services\$Name" Start $Start DWord
    if ($ImagePath -ne '') { Set-Reg "HKLM:\SYSTEM\CurrentControlSet\Services\$Name" ImagePath $ImagePath }
}
function global:Set-Product([string]$Id, [string]$Name, [string]$Version) {
    Set-Reg "HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\$Id" DisplayName $Name
    Set-Reg "HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\$Id" DisplayVersion $Version
}
function global:Set-File([string]$Path, [string]$Text = 'x') {
    $folder = Split-Path -Path $Path -Parent
    if (-not (Test-Path -LiteralPath $folder)) { New-Item -ItemType Directory -Path $folder -Force | Out-Null }
    Set-Content -LiteralPath $Path -Value $Text -NoNewline -Encoding UTF8
}
# A disc in drive $Letter, rooted below the test's folder. A machine that the tests run on may have such a drive.
function global:Add-Disc([string]$Letter, [string]$Folder) {
    if (Get-PSDrive -Name $Letter -ErrorAction SilentlyContinue) { Remove-PSDrive -Name $Letter -Force -ErrorAction Stop }
    New-PSDrive -Name $Letter -PSProvider FileSystem -Root $Folder -Scope Global -ErrorAction Stop | Out-Null
    $global:Cim['Win32_LogicalDisk'] = @($global:Cim['Win32_LogicalDisk']) + [pscustomobject]@{ DeviceID = "${Letter}:"; Size = 1000 } | Where-Object { $null -ne $_ }
}
function global:Resolve-Exit([string]$Program, $Arguments) {
    if ($global:OnRun.ContainsKey($Program)) { & $global:OnRun[$Program] $Arguments }
    $code = 0
    if ($global:Exit.ContainsKey($Program)) {
        $list = @($global:Exit[$Program])
        $code = $list[0]
        if ($list.Count -gt 1) { $global:Exit[$Program] = $list[1..($list.Count - 1)] }
    }
    $global:LASTEXITCODE = $code
}

function global:Test-SendBeacon([string]$Stage, [string]$State, [string]$Text = '') { Add-Record $env:WT_BEACONS "$Stage $State $Text".Trim() }
function global:Test-GetBoot { @{ Id = $global:BootId; UptimeSeconds = 100 } }
function global:Test-GetProcessIdentity { $global:Identity }
function global:Test-RemoveBuildCertificate([string]$Sha256) { $global:Certificates = @($global:Certificates | Where-Object { $_ -ne $Sha256 }); Add-Record $env:WT_BEACONS "certificate removed $Sha256" }
# The stub, which knows a program's stub by its name.
function global:Test-StartProgram([string]$File, [string[]]$Arguments) {
    $given = @{}
    if ("$Arguments" -ne '') { $given.ArgumentList = $Arguments }
    Start-Process -FilePath $File @given -PassThru -NoNewWindow
}
# SetupAPI, for builds without pnputil's /remove-device.
function global:Test-UninstallDevice([string]$InstanceId) { Add-Record $env:WT_BEACONS "uninstalled $InstanceId"; if ($global:SetupAPI -is [scriptblock]) { & $global:SetupAPI } else { $global:SetupAPI } }
$global:SetupAPI = 0
Set-Alias -Name Uninstall-Device -Value Test-UninstallDevice -Scope Global
Set-Alias -Name Start-Program -Value Test-StartProgram -Scope Global
Set-Alias -Name Send-Beacon -Value Test-SendBeacon -Scope Global
Set-Alias -Name Get-Boot -Value Test-GetBoot -Scope Global
Set-Alias -Name Get-ProcessIdentity -Value Test-GetProcessIdentity -Scope Global
Set-Alias -Name Remove-BuildCertificate -Value Test-RemoveBuildCertificate -Scope Global

foreach ($program in 'msiexec.exe', 'icacls.exe', 'shutdown.exe', 'netsh.exe', 'logoff.exe', 'dism.exe', 'sc.exe', 'sysprep.exe', 'powercfg.exe', 'pnputil.exe', 'wevtutil.exe', 'defrag.exe', 'powershell.exe') {
    New-Stub $program ([ScriptBlock]::Create("Resolve-Exit '$program' `$args"))
}
New-Stub Start-Sleep
New-Stub Get-FileHash {
    $file = @($LiteralPath + $Path | Where-Object { $_ })[0]
    $stream = [IO.File]::OpenRead((Get-Item -LiteralPath $file).FullName)
    try { $bytes = [Security.Cryptography.SHA256]::Create().ComputeHash($stream) } finally { $stream.Dispose() }
    [pscustomobject]@{ Algorithm = 'SHA256'; Hash = (-join ($bytes | ForEach-Object { $_.ToString('X2') })); Path = $file }
}
New-Stub Get-CimInstance {
    if ("$Namespace" -like '*VolumeEncryption' -and -not $global:Cim.ContainsKey($ClassName)) { throw 'Invalid namespace' }
    if ($global:Cim.ContainsKey($ClassName)) { $global:Cim[$ClassName] }
}
New-Stub Invoke-CimMethod {
    if ($global:Licensing.ContainsKey($MethodName)) { & $global:Licensing[$MethodName] $Arguments; return }
    if ($MethodName -eq 'Decrypt') { $InputObject.Status = $global:DecryptTo; return [pscustomobject]@{ ReturnValue = 0 } }
    [pscustomobject]@{ ConversionStatus = $InputObject.Status }
}
$global:Licensing = @{}
New-Stub Remove-CimInstance {
    if (@($global:Programs.Values | Where-Object { $_.Step -eq 'runs' }).Count -gt 0) { throw 'the profile is in use' }
    if ($global:ProfileLocks -gt 0) { $global:ProfileLocks--; throw 'the profile is in use' }
    $global:Cim['Win32_UserProfile'] = @()
}
$global:ProfileLocks = 0
New-Stub Get-Service {
    $status = 'Stopped'
    if ($global:Running -contains $Name[0]) { $status = 'Running' }
    elseif (-not (Test-Path -LiteralPath "HKLM:\SYSTEM\CurrentControlSet\Services\$($Name[0])")) { Write-Error "Cannot find any service with service name '$($Name[0])'."; return }
    [pscustomobject]@{ Name = $Name[0]; Status = $status }
}
New-Stub Set-Service { Set-ItemProperty -LiteralPath "HKLM:\SYSTEM\CurrentControlSet\Services\$Name" -Name Start -Value @{ Automatic = 2; Manual = 3; Disabled = 4 }["$StartupType"] -Type DWord }
New-Stub Stop-Service { $global:Running = @($global:Running | Where-Object { $_ -notin $Name }) }
New-Stub Start-Service
New-Stub Get-Process {
    $found = @($global:Processes | Where-Object { $_ -in $Name })
    if ($found.Count -eq 0) { Write-Error "Cannot find a process with the name $Name." } else { $found | ForEach-Object { [pscustomobject]@{ ProcessName = $_ } } }
}
New-Stub New-ScheduledTaskAction { [pscustomobject]@{ Execute = $Execute; Argument = $Argument } }
New-Stub New-ScheduledTaskPrincipal { [pscustomobject]@{ UserId = $UserId; LogonType = $LogonType } }
New-Stub New-ScheduledTaskSettingsSet { [pscustomobject]@{ Priority = $Priority; Limit = $ExecutionTimeLimit } }
New-Stub Register-ScheduledTask {
    # What Windows has where none is given: three days.
    $limit = @($Settings)[0].Limit
    if ($null -eq $limit) { $limit = New-TimeSpan -Days 3 }
    Add-Record "$env:WT_BEACONS.limits" "$TaskName $(([TimeSpan]$limit).TotalSeconds)"
    $global:Tasks[$TaskName] = 'Ready'
    $global:Programs.Remove("$TaskName")
    $one = @($Action)[0]
    if ("$($one.Execute)" -notlike '*powershell.exe') { $global:Programs["$TaskName"] = @{ Execute = $one.Execute; Argument = $one.Argument; As = @($Principal)[0].UserId; Step = ''; Result = [uint32]267011 } }
    [pscustomobject]@{ TaskName = $TaskName }
}
New-Stub Start-ScheduledTask {
    $name = @($TaskName)[0]
    if ($global:Programs.ContainsKey("$name")) { $global:Programs["$name"].Step = 'asked' } else { $global:Tasks[$name] = 'Running' }
}
# A program's task comes on with each look: not begun yet, then running, then ended.
function global:Step-Program([string]$Name) {
    $p = $global:Programs[$Name]
    switch ($p.Step) {
        'asked' { $p.Step = 'waits' }
        'waits' {
            if ($global:LaunchResult -ne 0) { $p.Step = 'ended'; $p.Result = [uint32]$global:LaunchResult; return }
            $p.Step = 'runs'
            $p.Result = [uint32]267009
            $global:Tasks[$Name] = 'Running'
            $global:RunsAs = $p.As
            $words = @($p.Argument -split ' ')
            & $p.Execute.Substring($p.Execute.LastIndexOf('\') + 1) @words | Out-Null
            $global:RunsAs = ''
            $p.Code = $global:LASTEXITCODE
        }
        'runs' { if (-not $global:NeverEnds) { Stop-Program $Name $p.Code } }
    }
}
# The profile of who has run it stays loaded for a while.
function global:Stop-Program([string]$Name, [long]$Result) {
    if ($global:Programs[$Name].Step -eq 'runs') { $global:ProfileLocks += 2 }
    $global:Programs[$Name].Step = 'ended'
    $global:Programs[$Name].Result = [uint32]($Result -band 4294967295)
    $global:Tasks[$Name] = 'Ready'
}
New-Stub Stop-ScheduledTask { if ($global:Programs.ContainsKey("$TaskName")) { Stop-Program "$TaskName" 267014 } }
New-Stub Stop-Process
New-Stub Get-ScheduledTask {
    $found = @($global:Tasks.Keys | Where-Object { $_ -like @($TaskName)[0] })
    if ($found.Count -eq 0) { Write-Error "No MSFT_ScheduledTask objects found with property 'TaskName' equal to '$TaskName'." }
    if ($global:Programs.ContainsKey("$TaskName")) { Step-Program "$TaskName" }
    $found | ForEach-Object { [pscustomobject]@{ TaskName = $_; State = $global:Tasks[$_] } }
}
New-Stub Get-ScheduledTaskInfo {
    $result = [uint32]267009
    if ($global:Programs.ContainsKey("$TaskName")) { $result = $global:Programs["$TaskName"].Result }
    [pscustomobject]@{ LastTaskResult = $result }
}
New-Stub Unregister-ScheduledTask { foreach ($n in @(@($InputObject | Where-Object { $_ } | ForEach-Object { $_.TaskName }) + $TaskName | Where-Object { $_ })) { $global:Tasks.Remove($n) } }
New-Stub Get-NetFirewallRule {
    $found = @($global:Rules | Where-Object { $_ -in $Name -or $global:RuleGroups[$_] -in @($Group | Where-Object { $_ }) })
    if ($found.Count -eq 0) { Write-Error "No MSFT_NetFirewallRule objects found with property 'InstanceID' equal to '$Name'." }
    $found | ForEach-Object { [pscustomobject]@{ Name = $_ } }
}
New-Stub Remove-NetFirewallRule { $global:Rules = @() }
New-Stub Remove-WSManInstance {
    if ($global:WSManFails) { throw 'WinRM firewall exception will not work since one of the network connection types on this machine is set to Public. 2150859113' }
    $global:Listeners = @()
    Remove-Item -LiteralPath "$global:Hklm\SOFTWARE\Microsoft\Windows\CurrentVersion\WSMAN\Listener\*+HTTPS" -Recurse -Force -ErrorAction SilentlyContinue
}
New-Stub Get-NetConnectionProfile { $global:Profiles | ForEach-Object { [pscustomobject]@{ NetworkCategory = $_ } } }
New-Stub Set-NetConnectionProfile { $global:Profiles = @('Private') }
$global:Profiles = @('Private')
New-Stub Set-WSManInstance { if ($global:Profiles -contains 'Public') { throw '2150859113' } }
New-Stub Enable-NetFirewallRule
New-Stub Disable-NetFirewallRule
New-Stub Set-NetFirewallProfile
New-Stub Update-HostStorageCache
New-Stub Optimize-Volume
New-Stub Set-CimInstance
New-Stub Get-WindowsEdition { $global:Targets | ForEach-Object { [pscustomobject]@{ Edition = $_ } } }
$global:Targets = @('ServerStandard', 'ServerDatacenter')
New-Stub Get-PnpDevice { $global:Pnp }
$global:Pnp = @()
New-Stub Get-LocalUser {
    if ($global:Users.ContainsKey("$Name")) { [pscustomobject]@{ Name = "$Name"; SID = $global:Users["$Name"] } } else { Write-Error "User $Name was not found." }
}
New-Stub Remove-LocalUser { $global:Users.Remove("$Name") }
New-Stub Get-AppxPackage { $global:Packages }
New-Stub Get-AppxProvisionedPackage { $global:Provisioned }
New-Stub Remove-AppxPackage { if ($global:RemoveFails) { throw '0x80073CFA' }; $global:Packages = @($global:Packages | Where-Object { $_.PackageFullName -ne $Package }) }
