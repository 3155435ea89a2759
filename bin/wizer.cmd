@echo off
rem The command line for programs that start wizer by its path through a shell; what bin\wizer is
rem elsewhere. Programs that start it without a shell can't: Node.js refuses to spawn a .cmd so.
setlocal
set "node=%WASM_PREINIT_NODE%"
if not defined node set "node=%npm_node_execpath%"
if not exist "%node%" set "node="
if not defined node for %%n in (node.exe) do set "node=%%~$PATH:n"
if not defined node if exist "%ProgramFiles%\nodejs\node.exe" set "node=%ProgramFiles%\nodejs\node.exe"
if not defined node (
  echo error: there is no `node` to run: set WASM_PREINIT_NODE to the path of one 1>&2
  exit /b 1
)
endlocal & "%node%" "%~dp0wasm-preinit.js" %*
