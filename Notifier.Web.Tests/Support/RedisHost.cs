using System.Diagnostics;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using Notifier.Redis.Embedded;
using Testcontainers.Redis;

namespace Notifier.Tests.Support;

/// <summary>The process or container of a real Redis, which keeps its port after a restart.</summary>
internal interface IRedisHost : IAsyncDisposable
{
    Task StartAsync();

    /// <summary>Ends Redis like a crash.</summary>
    Task KillAsync();

    /// <summary>Freezes Redis (SIGSTOP): it keeps its connections and does nothing.</summary>
    Task FreezeAsync();

    /// <summary>Continues a frozen Redis.</summary>
    Task ThawAsync();
}

/// <summary>Redis in a container, if a Docker engine is available.</summary>
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
        // redis-server prints when it accepts connections. The test also reads the later output, because a full pipe would block the
        // server.
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

    /// <summary>For faults that need a process.</summary>
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

/// <summary>The Redis that Notifier starts if none is configured. It runs in this process, so it cannot be frozen.</summary>
internal sealed class EmbeddedRedisHost(int port) : IRedisHost
{
    private EmbeddedRedis? server;

    public Task StartAsync()
    {
        server = EmbeddedRedis.Start(port, hasScripts: true, NullLoggerFactory.Instance);
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
