using System.Diagnostics;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Notifier.Redis.Embedded;
using Testcontainers.Redis;

namespace Notifier.Tests.Support;

/// <summary>Where a real Redis runs: its port stays the same when it is stopped and started again.</summary>
internal interface IRedisHost : IAsyncDisposable
{
    Task StartAsync();

    /// <summary>Ends it as a crash would.</summary>
    Task KillAsync();

    /// <summary>Makes it hang: it keeps its connections, and does nothing (SIGSTOP).</summary>
    Task FreezeAsync();

    /// <summary>Lets it go on.</summary>
    Task ThawAsync();
}

/// <summary>Redis in a container, where a Docker engine answers.</summary>
internal sealed class ContainerRedisHost(int port, string[] arguments) : IRedisHost
{
    private readonly RedisContainer container = new RedisBuilder("redis:7")
        .WithPortBinding(port, RedisBuilder.RedisPort)
        .WithCommand(["redis-server", "--save", "", "--protected-mode", "no", .. arguments])
        .Build();

    public static async Task<bool> IsAvailableAsync()
    {
        var socket = Environment.GetEnvironmentVariable("DOCKER_HOST") is { Length: > 0 } host ? new Uri(host).LocalPath : "/var/run/docker.sock";
        using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            await probe.ConnectAsync(new UnixDomainSocketEndPoint(socket));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    public Task StartAsync() => container.StartAsync();

    public Task KillAsync() => container.StopAsync();

    public Task FreezeAsync() => container.PauseAsync();

    public Task ThawAsync() => container.UnpauseAsync();

    public ValueTask DisposeAsync() => container.DisposeAsync();
}

/// <summary>A redis-server process.</summary>
internal sealed class ProcessRedisHost(int port, string[] arguments) : IRedisHost
{
    private Process? process;

    public async Task StartAsync()
    {
        process = Process.Start(new ProcessStartInfo("redis-server", ["--port", $"{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", .. arguments])
        {
            RedirectStandardOutput = true,
        })!;
        // It says when it accepts; what it says later is read too, or a full pipe would stop it.
        var ready = new TaskCompletionSource();
        process.OutputDataReceived += (_, line) =>
        {
            if (line.Data is null)
                ready.TrySetException(new InvalidOperationException("redis-server ended before it was ready"));
            else if (line.Data.Contains("Ready to accept connections", StringComparison.Ordinal))
                ready.TrySetResult();
        };
        process.BeginOutputReadLine();
        await ready.Task.WaitAsync(Eventually.Limit);
    }

    public async Task KillAsync()
    {
        process!.Kill();
        await process.WaitForExitAsync();
    }

    /// <summary>For faults that only a process can show.</summary>
    public int ProcessId => process!.Id;

    public Task FreezeAsync() => SignalAsync("STOP");

    public Task ThawAsync() => SignalAsync("CONT");

    private async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{process!.Id}"]);
        await kill.WaitForExitAsync();
    }

    public ValueTask DisposeAsync()
    {
        if (process is { HasExited: false })
            process.Kill();
        process?.Dispose();
        return ValueTask.CompletedTask;
    }
}

/// <summary>The Redis that Notifier starts where none is configured. It lives in this process, so it cannot hang.</summary>
internal sealed class EmbeddedRedisHost(int port) : IRedisHost
{
    private EmbeddedRedis? server;

    public Task StartAsync()
    {
        server = EmbeddedRedis.Start(port, NullLoggerFactory.Instance);
        return Task.CompletedTask;
    }

    public Task KillAsync()
    {
        server!.Dispose();
        return Task.CompletedTask;
    }

    public Task FreezeAsync() => throw new NotSupportedException("It is a part of this process.");

    public Task ThawAsync() => throw new NotSupportedException("It is a part of this process.");

    public ValueTask DisposeAsync()
    {
        server?.Dispose();
        return ValueTask.CompletedTask;
    }
}
