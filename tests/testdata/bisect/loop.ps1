# The quotes inside of words are escaped for this mode, the only one of Windows PowerShell.
$PSNativeCommandArgumentPassing = 'Legacy'
$PSNativeCommandUseErrorActionPreference = $false
while ($true) {
  $dir = & 'C:\run outputs.exe' bisect next --state-dir 'it''s a bisect'
  $code = $LASTEXITCODE
  if ($code -ne 0) { break }
  $env:RUN_OUTPUTS_DIR = $dir
  # It stays if the command does not exist.
  $global:LASTEXITCODE = 127
  & './test me.exe' 'say \"hi\\\"' '""' 'it''s' 'a’’b' '$HOME' --all 'x=1' | ForEach-Object { [Console]::Error.WriteLine($_) }
  $code = $LASTEXITCODE
  if ($code -eq 0) { $verdict = 'good' }
  elseif ($code -eq 125) { $verdict = 'skip' }
  elseif ($code -gt 0 -and $code -lt 126) { $verdict = 'bad' }
  else {
    [Console]::Error.WriteLine("stopped: the command ended with $code; the commit is not marked")
    $dir = $null; $code = 1; break
  }
  & 'C:\run outputs.exe' bisect $verdict --no-fetch --state-dir 'it''s a bisect'
  if ($LASTEXITCODE -ne 0) { $code = $LASTEXITCODE; $dir = $null; break }
}
if ($dir) {
  $dir
  # 'next' exits with 3 if the first bad commit is found.
  if ($code -eq 3) { $code = 0 }
}
exit $code
