using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace Notifier.Tests.Support;

/// <summary>
/// A browser other than Chromium, driven by WebDriver, because Playwright needs builds of its own. One instance with one profile serves the tests of a class.
/// Each test has its own server, so its pages have an origin and storage of their own.
/// </summary>
public abstract class Engine : IAsyncLifetime
{
    private readonly Stack<Process> programs = new();

    public async Task InitializeAsync()
    {
        try
        {
            await StartAsync();
        }
        catch
        {
            await DisposeAsync();       // some of its programs may run
            throw;
        }
    }

    /// <summary>Opens a tab or a window.</summary>
    internal abstract Task<Tab> OpenAsync(string address);

    public virtual async Task DisposeAsync()
    {
        foreach (var program in programs)
        {
            program.Kill(entireProcessTree: true);
            await program.WaitForExitAsync();
            program.Dispose();
        }
    }

    private protected abstract Task StartAsync();

    /// <summary>Starts a program of the browser, which ends with this fixture.</summary>
    /// <param name="names">The first of them that is on the PATH is started.</param>
    /// <param name="arguments">Arguments of the program.</param>
    /// <param name="environment">Environment variables.</param>
    /// <param name="ready">Matches the line that reports that the program is ready. If null, the program counts as ready at once.</param>
    /// <returns>The first group in that line.</returns>
    private protected async Task<string> StartAsync(
        string[] names, string[] arguments, (string Name, string Value)[] environment, [StringSyntax(StringSyntaxAttribute.Regex)] string? ready = null)
    {
        var path = Find(names) ?? throw new InvalidOperationException(
            $"The tests in {GetType().Name} need {string.Join(" or ", names)}, and it is not on the PATH. On Debian and Ubuntu ./test.sh installs it.");
        var program = new Process
        {
            StartInfo = new ProcessStartInfo(path, arguments) { RedirectStandardOutput = true, RedirectStandardError = true },
        };
        foreach (var (name, value) in environment)
            program.StartInfo.Environment[name] = value;
        var said = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        // The output is read to its end, because a full pipe would block the program.
        program.OutputDataReceived += (_, line) => Read(line.Data);
        program.ErrorDataReceived += (_, line) => Read(line.Data);
        program.Start();
        programs.Push(program);
        program.BeginOutputReadLine();
        program.BeginErrorReadLine();
        return ready is null ? "" : await said.Task.WaitAsync(Eventually.Limit);

        void Read(string? line)
        {
            if (ready is not null && Regex.Match(line ?? "", ready) is { Success: true } match)
                said.TrySetResult(match.Groups[1].Value);
        }
    }

    private static string? Find(string[] names) =>
        (from name in names
         from folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
         let path = Path.Combine(folder, name)
         where File.Exists(path)
         select path).FirstOrDefault();
}

/// <summary>A tab or a window of a browser.</summary>
internal abstract class Tab : IAsyncDisposable
{
    /// <summary>Loads a page and waits for its load event.</summary>
    public abstract Task GoToAsync(string address);

    public abstract Task ReloadAsync();

    /// <summary>Goes back in the history. The page may not be there yet.</summary>
    public abstract Task BackAsync();

    /// <summary>Evaluates an expression, and awaits the promise if it is one.</summary>
    public async Task<T> EvaluateAsync<T>(string expression) =>
        JsonSerializer.Deserialize<T>(await EvaluateJsonAsync($"(async () => JSON.stringify((await ({expression})) ?? null))()"))!;

    /// <summary>Waits for the page. While it is replaced by another one, it cannot answer.</summary>
    public async Task IsAsync(string expression, TimeSpan? limit = null)
    {
        var last = "nothing";
        try
        {
            await Eventually.IsAsync(
                async () =>
                {
                    try
                    {
                        return await EvaluateAsync<bool>($"!!({expression})");
                    }
                    catch (Exception error) when (IsAboutThePage(error))
                    {
                        last = error.Message;
                        return false;
                    }
                },
                expression, limit);
        }
        catch (TimeoutException error)
        {
            throw new TimeoutException($"{error.Message}; the last error was {last}; the page shows: {await EvaluateAsync<string>("document.body?.innerText")}");
        }
    }

    /// <summary>Closes the tab.</summary>
    public abstract ValueTask DisposeAsync();

    private protected abstract Task<string> EvaluateJsonAsync(string expression);

    /// <summary>Whether the page is the cause, and not the connection to the browser.</summary>
    private protected abstract bool IsAboutThePage(Exception error);
}
