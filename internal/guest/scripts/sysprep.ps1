$sysprep = "$env:SystemRoot\System32\Sysprep"

function Get-LogLine([string]$Name) {
    @(Get-Content -LiteralPath "$sysprep\Panther\$Name" -ErrorAction SilentlyContinue)
}

function Get-LogEnd {
    @(Get-LogLine -Name 'setupact.log' | Select-Object -Last 20) -join "`n"
}

# Sysprep's logs are English in every language of Windows.
function Get-Cause([string[]]$Lines) {
    $text = $Lines -join "`n"
    $packages = @([regex]::Matches($text, 'SYSPRP Package (\S+) was installed for a user') | ForEach-Object { $_.Groups[1].Value } | Select-Object -Unique)
    if ($packages.Count -gt 0 -or $text -match '0x80073cf2') {
        return @{ code = 'appx'; message = "a Store package is installed for one user but not for all: $($packages -join ', ')"; packages = $packages }
    }
    foreach ($known in @(
            @('0x80310039', 'bitlocker', 'BitLocker is on, or drive C: is not fully decrypted; turn it off with manage-bde -off C: and wait'),
            @('0x800f0975', 'reserved-storage', 'Windows holds reserved storage, as while an update is installed; let updates finish and restart'),
            @('0xc004d307', 'rearm', 'the number of times that this installation may be rearmed is used up; install afresh, or set skip_rearm'),
            @('value senseGuid', 'defender-endpoint', 'Defender for Endpoint guards its registration; run the offboarding script of your tenant before the sysprep block, and install afresh'),
            @('will not run on an upgraded OS', 'upgraded', 'this Windows was upgraded from an older one; install afresh'))) {
        if ($text -match $known[0]) { return @{ code = $known[1]; message = "$($known[2]) ($($known[0]))"; packages = @() } }
    }
    $module = [regex]::Match($text, "Failure occurred while executing '([^']+)' from ([^;]+);\s*dwRet = (0x[0-9a-fA-F]+)")
    if ($module.Success) {
        return @{ code = 'sysprep-provider'; message = "$($module.Groups[1].Value) of $($module.Groups[2].Value) failed with $($module.Groups[3].Value)"; packages = @() }
    }
    # How external providers are named: 'DscCore.dll,SysPrep_Cleanup', returned error code 0x2.
    $library = [regex]::Match($text, "Failure occurred while executing '([^',]+),([^']+)',\s*returned error code (\w+)")
    if ($library.Success) {
        return @{ code = 'sysprep-provider'; message = "$($library.Groups[2].Value) of $($library.Groups[1].Value) failed with $($library.Groups[3].Value)"; packages = @() }
    }
    @{ code = 'sysprep-validate'; message = 'setuperr.log names no cause that is known here'; packages = @() }
}

# Whether it is past its look at who runs it. Where it takes him, the log's second line says "ValidatePrivileges:User
# has required privileges to sysprep machine" (notepad-plus-plus#13675).
function Test-SysprepBegun {
    # Whatever the log says: who is ended in the middle of generalize leaves a spoiled image.
    if ((Get-ImageState) -in 'IMAGE_STATE_UNDEPLOYABLE', 'IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE') { return $true }
    @(Get-LogLine -Name 'setupact.log' | Where-Object { $_ -like '*Beginning of a new sysprep run*' }).Count -gt 0 -and
    @(Get-LogLine -Name 'setuperr.log' | Where-Object { $_ -like '*ValidatePrivileges*' }).Count -eq 0
}

# Gives 0 once sysprep has ended, else the seconds after which it must be ended: $Patience when it has begun nothing by
# then. $Ended looks, and takes 5 seconds.
function Wait-Sysprep([int]$Patience, [scriptblock]$Ended) {
    $begun = $false
    for ($seconds = 0; -not (& $Ended); $seconds += 5) {
        if (-not $begun) { $begun = Test-SysprepBegun }
        if ((-not $begun -and $seconds -ge $Patience) -or $seconds -ge [int]$Parameters.sysprep_timeout_seconds) { return $seconds }
    }
    0
}

function Invoke-SysprepAsSystem([string[]]$Arguments) {
    $p = Start-Program -File "$sysprep\sysprep.exe" -Arguments $Arguments
    $late = Wait-Sysprep -Patience 60 -Ended { $p.WaitForExit(5000) }
    # As the task scheduler has it: without a sign.
    if ($late -eq 0) { return @{ Late = 0; ExitCode = ([long]$p.ExitCode -band 4294967295) } }
    try { $p.Kill() } catch { Write-Verbose -Message "$_" }
    $null = $p.WaitForExit(30000)
    @{ Late = $late; ExitCode = -1 }
}

function Test-TaskEnded([string]$Name) {
    try {
        if ("$((Get-ScheduledTask -TaskName $Name).State)" -in 'Running', 'Queued') { return $false }
        # 0x41303, SCHED_S_TASK_HAS_NOT_RUN, between its start and its first instruction; 0x41301, SCHED_S_TASK_RUNNING.
        return [long](Get-ScheduledTaskInfo -TaskName $Name).LastTaskResult -notin 267011, 267009
    } catch {
        # Generalize stops services under our feet; the wait is bounded.
        return $false
    }
}

# In a task that is nothing but sysprep.exe and logs on without a password (S4U): this script stays SYSTEM's, and can
# remove the account afterwards.
function Invoke-SysprepAsAccount([string]$Account, [string[]]$Arguments) {
    $name = "wintemplate-$(Split-Path -Path $WintemplateTask -Leaf)-sysprep"
    $action = New-ScheduledTaskAction -Execute "$sysprep\sysprep.exe" -Argument ($Arguments -join ' ')
    # By its whole name: the bare one of an account that is called like the computer is the computer's.
    $principal = New-ScheduledTaskPrincipal -UserId "$env:COMPUTERNAME\$Account" -LogonType S4U -RunLevel Highest
    $limit = New-TimeSpan -Seconds ([int]$Parameters.sysprep_timeout_seconds + 300)
    $settings = New-ScheduledTaskSettingsSet -Priority 4 -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries -ExecutionTimeLimit $limit
    try {
        Register-ScheduledTask -TaskName $name -Action $action -Principal $principal -Settings $settings -Force | Out-Null
    } catch {
        Stop-Operation -Code 'sysprep-not-started' -Message "sysprep.exe refuses LocalSystem, and no task can be made for $env:COMPUTERNAME\$Account to run it: $_"
    }
    try {
        Start-ScheduledTask -TaskName $name
        # Nobody is left to try after the account, so a slow machine is given time.
        $late = Wait-Sysprep -Patience 300 -Ended { Start-Sleep -Seconds 5; Test-TaskEnded -Name $name }
        if ($late -eq 0) { return @{ Late = 0; ExitCode = [long](Get-ScheduledTaskInfo -TaskName $name).LastTaskResult } }
        Stop-ScheduledTask -TaskName $name -ErrorAction SilentlyContinue
        # There is only one: the seal has looked for others before.
        Get-Process -Name 'sysprep' -ErrorAction SilentlyContinue | Stop-Process -Force -ErrorAction SilentlyContinue
        for ($i = 0; $i -lt 30 -and -not (Test-TaskEnded -Name $name); $i++) { Start-Sleep -Seconds 1 }
        return @{ Late = $late; ExitCode = -1 }
    } finally {
        Unregister-ScheduledTask -TaskName $name -Confirm:$false -ErrorAction SilentlyContinue
    }
}

function Get-Refusal([hashtable]$Run) {
    if ($Run.Late -gt 0) { $text = "it has begun nothing within $($Run.Late) seconds" }
    else { $text = "it ended with $('0x{0:x}' -f $Run.ExitCode) and has begun nothing" }
    # ERROR_LOGON_TYPE_NOT_GRANTED. Administrators have this right unless a policy has taken it.
    if ($Run.ExitCode -eq 2147943785) { $text += ', since the account may not "Log on as a batch job" (User Rights Assignment)' }
    # The next run begins with empty logs.
    $said = @(Get-LogLine -Name 'setuperr.log' | Where-Object { $_ -ne '' } | Select-Object -Last 1)
    if ($said.Count -gt 0) { $text += ": $($said[0])" }
    $text
}

# Runs it once, and gives '' or how it has refused whoever ran it. All else it has to say stops the operation.
function Invoke-SysprepOnce([string]$Account, [string[]]$Arguments) {
    Remove-IfThere -Path "$sysprep\Panther\setupact.log", "$sysprep\Panther\setuperr.log", "$sysprep\Sysprep_succeeded.tag"
    if ($Account -eq '') { $run = Invoke-SysprepAsSystem -Arguments $Arguments } else { $run = Invoke-SysprepAsAccount -Account $Account -Arguments $Arguments }
    # UNDEPLOYABLE is normal while generalize runs; it means something only now.
    $state = Get-ImageState
    if (-not (Test-SysprepBegun)) { return Get-Refusal -Run $run }
    if ($run.Late -gt 0) {
        Stop-Operation -Code 'sysprep-timeout' -Message "sysprep.exe did not end within $($run.Late) seconds" -Detail (Get-LogEnd)
    }
    if ($state -eq 'IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE') { return '' }
    $errors = @(Get-LogLine -Name 'setuperr.log')
    $cause = Get-Cause -Lines $errors
    $detail = (@($cause.packages | ForEach-Object { "package: $_" }) + @($errors | Select-Object -Last 30)) -join "`n"
    if ($state -eq 'IMAGE_STATE_UNDEPLOYABLE') {
        Stop-Operation -Code 'image-undeployable' -Message "sysprep failed half-way and has spoiled the image: $($cause.message)" -Detail $detail
    }
    Stop-Operation -Code $cause.code -Message "sysprep refused: $($cause.message); ImageState is $state" -Detail $detail
}

# As LocalSystem, and where sysprep refuses that, as the account: reports conflict (MicrosoftDocs/azure-docs#104932).
function Invoke-Sysprep([string]$Answers) {
    $arguments = '/generalize', '/oobe', '/quit', '/quiet', "/unattend:$Answers"
    $account = [string]$Parameters.sysprep_account
    # For the tries that may follow: a refusal can take a minute. The folder goes in the end.
    $mark = "$($Parameters.folder)\sysprep-as-account"
    if (-not (Test-Path -LiteralPath $mark)) {
        $refusal = Invoke-SysprepOnce -Account '' -Arguments $arguments
        if ($refusal -eq '') { return }
        if ($account -eq '') {
            $why = "$($Parameters.no_sysprep_account)"
            if ($why -ne '') { $refusal += ". No account can run it instead: $why" }
            Stop-Operation -Code 'sysprep-not-started' -Message "sysprep.exe may refuse LocalSystem: $refusal" -Detail (Get-LogEnd)
        }
        Write-Text -Path $mark -Text $refusal
        Send-Beacon -Stage 'seal.sysprep' -State 'info' -Text "run as LocalSystem, $refusal; it is run as $account now"
    }
    Enter-Stage -Name 'sysprep-as-account'
    $refusal = Invoke-SysprepOnce -Account $account -Arguments $arguments
    if ($refusal -ne '') {
        Stop-Operation -Code 'sysprep-not-started' -Message "sysprep.exe runs neither as LocalSystem ($(Get-Content -LiteralPath $mark)) nor as $account ($refusal)" -Detail (Get-LogEnd)
    }
}
