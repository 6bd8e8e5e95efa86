using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using FluentAssertions;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>A page of any site can make the visitor's browser send HTTP, but not RESP, to the embedded Redis on the visitor's machine.</summary>
public sealed class HttpToRedisTests : IAsyncLifetime
{
    private readonly int port = FreePort.Next();
    private NotifierApp app = null!;

    public async Task InitializeAsync() => app = await StartAsync();

    public async Task DisposeAsync() => await app.DisposeAsync();

    /// <summary>Garnet skips lines that it does not know, and executes the commands between them.</summary>
    [Theory]
    [InlineData("POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: https://evil.example\r\nContent-Type: text/plain\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")]
    [InlineData("\r\n")]
    [InlineData("PING\r\n")]
    [InlineData("\u0016\u0003\u0001\u0002\0")]
    public async Task A_connection_that_does_not_begin_as_redis_clients_do_is_closed_and_nothing_of_it_is_executed(string head)
    {
        await using var redis = await PlainRedisClient.ConnectAsync(port);
        (await redis.AskAsync("SET", "abuse.victim", "untouched")).Should().Be("OK");
        string[] commands =
        [
            Resp("SET", "abuse.victim", "overwritten"), Resp("PUBLISH", "abuse.channel", "forged"), Resp("FLUSHALL"),
            "SET abuse.victim overwritten\r\n", "PUBLISH abuse.channel forged\r\n", "FLUSHALL\r\n",
        ];

        var answer = await SendAsync(head + string.Concat(commands));

        answer.Should().BeEmpty("the connection is closed without an answer");
        (await redis.AskAsync("GET", "abuse.victim")).Should().Be("untouched");
        if (head.StartsWith("POST", StringComparison.Ordinal))
            AbuseTable.Add("a page makes the browser send HTTP to the embedded Redis, with commands in the body", "nothing is executed", "nothing was executed");
    }

    [Fact]
    public async Task A_page_cannot_hide_http_from_the_embedded_redis_by_sending_it_byte_by_byte()
    {
        await using var redis = await PlainRedisClient.ConnectAsync(port);
        await redis.AskAsync("SET", "abuse.victim", "untouched");
        using var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, port);

        try
        {
            foreach (var one in Encoding.ASCII.GetBytes("POST / HTTP/1.1\r\n\r\n" + Resp("FLUSHALL")))
                await client.GetStream().WriteAsync(new[] { one });
            (await client.GetStream().ReadAsync(new byte[1])).Should().Be(0);
        }
        catch (IOException)
        {
            // Closed while this test was still sending.
        }

        (await redis.AskAsync("GET", "abuse.victim")).Should().Be("untouched");
    }

    [Fact]
    public async Task The_embedded_redis_runs_no_script_unless_channels_are_durable()
    {
        await using var redis = await PlainRedisClient.ConnectAsync(port);

        var running = () => redis.AskAsync("EVAL", "return 1", "0");

        await running.Should().ThrowAsync<InvalidOperationException>();
    }

    [Theory]
    [InlineData("while true do end")]
    [InlineData("local all = {} for i = 1, 100000 do all[i] = string.rep('x', 1000000) .. i end return #all")]
    public async Task A_script_without_end_is_stopped_and_others_are_served_meanwhile(string script)
    {
        var own = FreePort.Next();
        await using var durable = await NotifierApp.StartAsync("", settings: [$"Redis:EmbeddedPort={own}", "History:Durable:Channels:0=abuse.*"]);
        await using var attacker = await PlainRedisClient.ConnectAsync(own);
        await using var other = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{own}");
        var watch = Stopwatch.StartNew();

        var running = Record.ExceptionAsync(() => attacker.AskAsync("EVAL", script, "0"));
        (await other.GetSubscriber().PublishAsync(RedisChannel.Literal("abuse.channel"), "x")).Should().Be(0);
        var delay = watch.Elapsed;

        (await running).Should().NotBeNull();
        watch.Elapsed.Should().BeLessThan(TimeSpan.FromSeconds(15));
        AbuseTable.Add(
            $"the script `{script[..16]}…` in the embedded Redis", "3 s of one processor, 256 MiB", $"{watch.Elapsed.TotalSeconds:0.0} s; another client waited {delay.TotalMilliseconds:0} ms");
    }

    private Task<NotifierApp> StartAsync() => NotifierApp.StartAsync("", settings: $"Redis:EmbeddedPort={port}");

    /// <returns>Everything that the server answers before it closes the connection.</returns>
    private async Task<string> SendAsync(string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port);
        using var limit = new CancellationTokenSource(Eventually.Limit);
        var stream = client.GetStream();
        var answer = new MemoryStream();
        try
        {
            await stream.WriteAsync(Encoding.Latin1.GetBytes(request), limit.Token);
            client.Client.Shutdown(SocketShutdown.Send);
            await stream.CopyToAsync(answer, limit.Token);
        }
        catch (Exception end) when (end is IOException or SocketException)
        {
            // A reset, because the server closed before it had read everything.
        }
        return Encoding.Latin1.GetString(answer.ToArray());
    }

    private static string Resp(params string[] command) =>
        $"*{command.Length}\r\n" + string.Concat(command.Select(static part => $"${part.Length}\r\n{part}\r\n"));
}
