@echo off
rem Graft's command on Windows: finds a JDK 25 or newer, builds on first use and after a change, runs.
rem See the script `graft` beside it, which does the same elsewhere.
setlocal EnableExtensions DisableDelayedExpansion
set "NEEDED=25"
set "ROOT=%~dp0"
set "ROOT=%ROOT:~0,-1%"
set "JAR=%ROOT%\core\target\graft.jar"
set "STAMP=%ROOT%\target\graft.built"
set "LOG=%ROOT%\target\build.log"
set "FOUND="

if defined GRAFT_JAVA_HOME (
  call :consider "%GRAFT_JAVA_HOME%"
  if not defined FOUND (
    >&2 echo error: GRAFT_JAVA_HOME is "%GRAFT_JAVA_HOME%"; Graft needs a JDK %NEEDED% or newer there.
    exit /b 1
  )
)
if defined JAVA_HOME call :consider "%JAVA_HOME%"
for /f "delims=" %%J in ('where java.exe 2^>nul') do call :consider "%%~dpJ.."
for %%V in ("%ProgramFiles%\Eclipse Adoptium" "%ProgramFiles%\Java" "%ProgramFiles%\Microsoft" "%ProgramFiles%\Zulu" "%ProgramFiles%\Amazon Corretto" "%USERPROFILE%\.jdks" "%USERPROFILE%\.sdkman\candidates\java") do (
  for /d %%H in ("%%~V\*") do call :consider "%%~H"
)
if not defined FOUND (
  >&2 echo error: Graft needs a JDK %NEEDED% or newer and found none in JAVA_HOME, on the PATH or where JDKs are usually installed.
  >&2 echo Install one from https://adoptium.net/temurin/releases/?version=%NEEDED% or set GRAFT_JAVA_HOME to its folder.
  exit /b 1
)
if "%~1"=="--java-home" (
  echo %FOUND%
  exit /b 0
)

call :build
if errorlevel 1 exit /b 1

if not defined OMP_WAIT_POLICY set "OMP_WAIT_POLICY=PASSIVE"
"%FOUND%\bin\java.exe" -XX:+UseSerialGC -Xms32m --enable-native-access=ALL-UNNAMED --add-modules=jdk.incubator.vector ^
  -Dorg.bytedeco.javacpp.nopointergc=true -Dorg.bytedeco.javacpp.maxPhysicalBytes=0 ^
  -Dstdout.encoding=UTF-8 -Dstderr.encoding=UTF-8 %GRAFT_JAVA_OPTS% ^
  -cp "%JAR%;%ROOT%\core\target\lib\*" dev.graft.cli.Main %*
exit /b %ERRORLEVEL%

rem Takes a folder when nothing was found yet and its file `release` says it is a JDK that is new enough.
:consider
if defined FOUND exit /b 0
if not exist "%~1\bin\javac.exe" exit /b 0
if not exist "%~1\release" exit /b 0
for /f "tokens=2 delims==" %%V in ('findstr /b "JAVA_VERSION=" "%~1\release"') do (
  for /f "tokens=1 delims=.-+" %%M in ("%%~V") do if %%M GEQ %NEEDED% set "FOUND=%~f1"
)
exit /b 0

rem Builds when there is no jar, or when a source is newer than it and than the last build.
:build
if not exist "%JAR%" goto :package
powershell -NoProfile -Command "$built = (Get-Item '%JAR%').LastWriteTime; if (Test-Path '%STAMP%') { $stamp = (Get-Item '%STAMP%').LastWriteTime; if ($stamp -gt $built) { $built = $stamp } }; $newer = Get-ChildItem -Recurse '%ROOT%\core\src\main', '%ROOT%\core\pom.xml', '%ROOT%\pom.xml' | Where-Object { $_.LastWriteTime -gt $built } | Select-Object -First 1; if ($newer) { exit 1 }"
if not errorlevel 1 exit /b 0

:package
where mvn >nul 2>nul
if errorlevel 1 (
  >&2 echo error: Graft has to be built first, and Maven ^(mvn^) is not on the PATH. Install it: https://maven.apache.org/download.cgi
  exit /b 1
)
>&2 echo Building Graft (first use, about a minute)...
if not exist "%ROOT%\target" mkdir "%ROOT%\target"
type nul >"%STAMP%.started"
pushd "%ROOT%"
set "JAVA_HOME=%FOUND%"
call mvn -q -B -ntp -pl core -DskipTests package >"%LOG%" 2>&1
if errorlevel 1 (
  popd
  type "%LOG%" >&2
  >&2 echo error: the build failed; what Maven said is above and in "%LOG%"
  exit /b 1
)
popd
move /y "%STAMP%.started" "%STAMP%" >nul
exit /b 0
