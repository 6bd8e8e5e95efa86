using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net.Sockets;
using Notifier.Tests.Support;

namespace Notifier.Tests.Recipes;

/// <summary>A web server in another language, in a folder of its own, on a port of this machine.</summary>
internal sealed class RecipeServer : IAsyncDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("notifier-recipe-");
    private readonly ConcurrentQueue<string?> output = [];
    private Process? process;

    public string Folder => folder.FullName;

    public int Port { get; } = FreePort.Next();

    /// <summary>An origin other than Notifier's, which Development allows.</summary>
    public Uri Address => new($"http://localhost:{Port}/");

    /// <summary>Copies the files of <c>Assets/recipes</c> that surround a recipe.</summary>
    public void Copy(string name, string to = "")
    {
        var target = Directory.CreateDirectory(Path.Combine(Folder, to)).FullName;
        foreach (var file in Directory.EnumerateFiles(Path.Combine(AppContext.BaseDirectory, "Assets", "recipes", name)))
            File.Copy(file, Path.Combine(target, Path.GetFileName(file)), overwrite: true);
    }

    public async Task WriteAsync(string file, string text)
    {
        var path = Path.Combine(Folder, file);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        await File.WriteAllTextAsync(path, text);
    }

    /// <param name="program">The program, which ends when this object is disposed of.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="environment">Environment variables.</param>
    public async Task StartAsync(string program, string[] arguments, params (string Name, string Value)[] environment)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = Folder, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, line) => output.Enqueue(line.Data);
        process.ErrorDataReceived += (_, line) => output.Enqueue(line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        await Eventually.IsAsync(AcceptsAsync, $"{program} listens");
    }

    /// <summary>Everything that the server has printed.</summary>
    public override string ToString() => string.Join('\n', output);

    public async ValueTask DisposeAsync()
    {
        if (process is not null)
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync();
            process.Dispose();
        }
        folder.Delete(recursive: true);
    }

    private async Task<bool> AcceptsAsync()
    {
        if (process!.HasExited)
            throw new InvalidOperationException($"The server ended:\n{this}");
        using var probe = new TcpClient();
        try
        {
            await probe.ConnectAsync("127.0.0.1", Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
