using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>Bytes over TLS that no route sees.</summary>
public sealed class Http2FramesTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const int FrameHeader = 9;
    private const int PingBytes = FrameHeader + 8;
    private const byte Settings = 4;
    private const byte Ping = 6;
    private const string Key = "a key of a backend, long enough";

    /// <summary>The address has its own limit: 50 KiB a second, after 1,000 KiB.</summary>
    private const string KnowsAddresses = "Limits:ConnectionsPerAddress=1000";

    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task An_address_that_sends_http2_pings_without_end_is_read_slowly_on_all_its_connections()
    {
        const int Connections = 4;
        await using var server = await ServerProcess.StartAsync(Redis.Configuration, Listen.Tls, KnowsAddresses);
        var streams = await Task.WhenAll(Enumerable.Range(0, Connections).Select(_ => ConnectAsync(server.Address)));
        var before = server.ProcessorTime;
        using var ended = new CancellationTokenSource(TimeSpan.FromSeconds(6));

        var received = await Task.WhenAll(streams.Select(stream => FloodAsync(stream, ended.Token)));

        var cost = server.ProcessorTime - before;
        var answers = received.Sum() / PingBytes;
        AbuseTable.Add(
            "HTTP/2 PING frames without end", "1 KiB a second for each of `Limits:RequestsPerSecond`, after 20 times as much at once", $"{answers:N0} answers and {cost.TotalSeconds:0.0} s of one processor in 6 s");
        answers.Should().BeInRange(10_000, 150_000);
        cost.Should().BeLessThan(TimeSpan.FromSeconds(3));
        foreach (var stream in streams)
            await stream.DisposeAsync();
        using var http = Http2();
        (await http.GetAsync(new Uri(server.Address, "/notifier.js")).WaitAsync(Eventually.Limit)).StatusCode.Should().Be(HttpStatusCode.OK, "the address waits, and is answered");
    }

    [Fact]
    public async Task Bodies_and_requests_over_http2_do_not_use_up_what_an_address_may_send()
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, Listen.Tls,
            settings: [KnowsAddresses, "Limits:RequestsPerSecond=5", "Access:ApiKeys:0:Name=b", $"Access:ApiKeys:0:Secret={Key}", "Access:ApiKeys:0:Publish:0=*"]);
        using var http = Http2();
        http.DefaultRequestHeaders.Add("X-Api-Key", Key);
        var payload = new string('x', 400_000);

        for (var n = 0; n < 20; n++)
            await PublishAsync("/publish/frames.large", payload);
        for (var n = 0; n < 1_000; n++)
            await PublishAsync("/publish/frames.small", "x");

        // An address may have 5 KiB a second, after 100 KiB. For 8 MB it would wait half an hour.
        async Task PublishAsync(string path, string body)
        {
            using var answer = await http.PostAsync(new Uri(app.Address, path), new StringContent(body)).WaitAsync(Eventually.Limit);
            answer.StatusCode.Should().Be(HttpStatusCode.OK);
        }
    }

    private static async Task<long> FloodAsync(SslStream stream, CancellationToken ended)
    {
        byte[] pings = [.. Enumerable.Repeat(Frame(Ping, PingBytes - FrameHeader), 900).SelectMany(static ping => ping)];
        var sending = Task.Run(async () =>
        {
            while (true)
                await stream.WriteAsync(pings, ended);
        }, CancellationToken.None);
        var received = 0L;
        var buffer = new byte[64 * 1024];
        try
        {
            while (await stream.ReadAsync(buffer, ended) is > 0 and var read)
                received += read;
        }
        catch (OperationCanceledException)
        {
        }
        await FluentActions.Awaiting(() => sending).Should().ThrowAsync<OperationCanceledException>();
        return received;
    }

    private static HttpClient Http2()
    {
        var handler = new SocketsHttpHandler { EnableMultipleHttp2Connections = false };
        handler.SslOptions.RemoteCertificateValidationCallback = static (_, certificate, _, _) => certificate?.Subject == "CN=localhost";
        return new(handler) { DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
    }

    private static async Task<SslStream> ConnectAsync(Uri address)
    {
        using var limit = new CancellationTokenSource(Eventually.Limit);
        var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port, limit.Token);
        var stream = new SslStream(client.GetStream(), leaveInnerStreamOpen: false, static (_, certificate, _, _) => certificate?.Subject == "CN=localhost");
        await stream.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions { TargetHost = "localhost", ApplicationProtocols = [SslApplicationProtocol.Http2] }, limit.Token);
        await stream.WriteAsync((byte[])[.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. Frame(Settings, 0)], limit.Token);
        return stream;
    }

    /// <summary>A frame of zeros, on the connection itself.</summary>
    private static byte[] Frame(byte type, byte length)
    {
        var frame = new byte[FrameHeader + length];
        (frame[2], frame[3]) = (length, type);
        return frame;
    }
}
