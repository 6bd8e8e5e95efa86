using System.Diagnostics;
using System.Net.WebSockets;
using FluentAssertions;
using Notifier.Operations;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;
using Xunit.Abstractions;

namespace Notifier.Tests.Operations;

/// <summary>A deployment stops the real process with SIGTERM while many messages arrive.</summary>
public sealed class ShutdownTests(RedisFixture fixture, ITestOutputHelper output) : IClassFixture<RedisFixture>
{
    private const int Clients = 150;

    /// <summary>Four times <see cref="Shutdown.StopTimeout"/>, because a busy machine also needs time to end a process. Kubernetes allows 30 s.</summary>
    private static readonly TimeSpan ExitTimeout = 4 * Shutdown.StopTimeout;

    /// <summary>Prevents a close as "too slow" before the shutdown.</summary>
    private const string LargeLog = "History:Recent:Bytes=100000000";

    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData(Listen.Plain, 0)]
    [InlineData(Listen.Plain, 10)]
    [InlineData(Listen.Tls, 10)]
    public async Task Every_client_is_closed_on_sigterm_with_a_retry_delay_and_the_process_ends(Listen listen, int stalled)
    {
        var channel = $"sigterm.{listen}.{stalled}";
        await using var server = await ServerProcess.StartAsync(Redis.Configuration, listen, LargeLog);
        var path = server.WebSocketAddress("/ws?channel=" + channel);
        var readers = await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => RawWebSocket.ConnectAsync(path)));
        var sleepers = await Task.WhenAll(Enumerable.Range(0, stalled).Select(_ => RawWebSocket.ConnectAsync(path, receiveBuffer: 4096)));
        await Eventually.IsAsync(async () => await Redis.SubscribersAsync(channel) == 1, "the channel is subscribed");
        using var enough = new CancellationTokenSource();
        var pouring = PourAsync(channel, enough.Token);
        await Task.WhenAll(readers.Select(async client =>
        {
            while (client.BytesRead < 500_000)
                await client.ReadFrameAsync();
        }));

        var sinceSignal = Stopwatch.StartNew();
        var closing = readers.Select(client => CloseAsync(client, sinceSignal)).ToList();
        server.Terminate();
        var told = await Task.WhenAll(closing);
        var exitCode = await server.WaitForExitAsync(ExitTimeout);
        output.WriteLine($"{listen}, {stalled} stalled: all told after {told.Max().TotalMilliseconds:0} ms, exit after {sinceSignal.Elapsed.TotalMilliseconds:0} ms.");

        exitCode.Should().Be(0, server.Output);
        sinceSignal.Elapsed.Should().BeLessThan(ExitTimeout);
        told.Max().Should().BeLessThan(2 * Shutdown.StopTimeout, "no client waits for those that stall");
        await enough.CancelAsync();
        await pouring;
        foreach (var client in readers.Concat(sleepers))
            await client.DisposeAsync();
    }

    [Fact]
    public async Task Every_http2_client_is_closed_on_sigterm_and_the_process_ends()
    {
        await using var server = await ServerProcess.StartAsync(Redis.Configuration, Listen.Tls, LargeLog);
        using var http2 = new Http2Client();
        var clients = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => http2.ConnectAsync(server.WebSocketAddress("/ws?channel=sigterm.http2"))));
        await Eventually.IsAsync(async () => await Redis.SubscribersAsync("sigterm.http2") == 1, "the channel is subscribed");
        using var enough = new CancellationTokenSource();
        var pouring = PourAsync("sigterm.http2", enough.Token);
        await Task.WhenAll(clients.Select(client => client.ReadMessageAsync()));

        var sinceSignal = Stopwatch.StartNew();
        server.Terminate();
        await Task.WhenAll(clients.Select(async client =>
        {
            Frame frame;
            do
                frame = await client.ReadMessageAsync();
            while (frame.Opcode != Frame.CloseOpcode);
            frame.CloseCode.Should().Be(4601);
            await client.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", CancellationToken.None);
        }));

        (await server.WaitForExitAsync(ExitTimeout)).Should().Be(0, server.Output);
        sinceSignal.Elapsed.Should().BeLessThan(ExitTimeout);
        await enough.CancelAsync();
        await pouring;
    }

    [Theory]
    [InlineData("")]
    [InlineData(",serviceName=nobody")]
    public async Task The_process_ends_at_once_on_sigterm_when_redis_was_never_available(string option)
    {
        await using var server = await ServerProcess.StartAsync(
            $"127.0.0.1:{FreePort.Next()}{option}", Listen.Plain, "environment=Production", "Access:ApiKeys:0:Name=shop", "Access:ApiKeys:0:Secret=a-secret-of-the-shop");

        server.Terminate();

        (await server.WaitForExitAsync(ExitTimeout)).Should().Be(0, server.Output);
    }

    /// <summary>Reads until the close, answers it, and checks that the connection ends without a reset.</summary>
    /// <returns>The time of the close.</returns>
    private static async Task<TimeSpan> CloseAsync(RawWebSocket client, Stopwatch sinceSignal)
    {
        var close = await client.ReadUntilCloseAsync();
        var told = sinceSignal.Elapsed;
        close.CloseCode.Should().Be(4601);
        close.CloseText.Should().MatchRegex(@"^retryAfter=\d+\.\d\d$");
        await client.SendCloseAsync(4601);
        (await client.ReadFrameAsync()).Should().BeNull();
        return told;
    }

    /// <summary>Publishes 2,000 messages a second, which are 300,000 deliveries.</summary>
    private async Task PourAsync(string channel, CancellationToken enough)
    {
        using var pace = RealTime.Pace(TimeSpan.FromMilliseconds(10));
        while (!enough.IsCancellationRequested && await pace.WaitForNextTickAsync(CancellationToken.None))
            await Redis.PublishAllAsync(channel, Enumerable.Repeat((RedisValue)new byte[500], 20));
    }
}
