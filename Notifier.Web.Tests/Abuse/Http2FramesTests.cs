using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Notifier.Connections;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Abuse;

/// <summary>Bytes over TLS that no route sees.</summary>
public sealed class Http2FramesTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const int FrameHeader = 9;
    private const int PingBytes = FrameHeader + 8;
    private const byte Headers = 1;
    private const byte ResetStream = 3;
    private const byte Settings = 4;
    private const byte Ping = 6;
    private const byte EndStream = 1;
    private const byte EndHeaders = 4;
    private const string Key = "a key of a backend, long enough";

    /// <summary>The address has its own limit: 50 KiB a second, after 1,000 KiB.</summary>
    private const string KnowsAddresses = "Limits:ConnectionsPerAddress=1000";

    private RedisServer Redis => fixture.Redis;

    /// <param name="path">The path of a request that is reset at once, before each 25 pings; or null for pings alone.</param>
    /// <param name="name">For the table.</param>
    [Theory]
    [InlineData(null, "")]
    [InlineData("/healthz/live", " and health checks that are reset")]
    [InlineData("/events?channel=frames.a", " and event streams that are reset")]
    [InlineData("/nothing", " and requests without a route that are reset")]
    public async Task An_address_that_sends_http2_frames_without_end_is_read_slowly_on_all_its_connections(string? path, string name)
    {
        const int Connections = 4;
        await using var server = await ServerProcess.StartAsync(Redis.Configuration, Listen.Tls, KnowsAddresses);
        var streams = await Task.WhenAll(Enumerable.Range(0, Connections).Select(_ => ConnectAsync(server.Address)));
        var before = server.ProcessorTime;
        using var ended = new CancellationTokenSource(TimeSpan.FromSeconds(6));

        var received = await Task.WhenAll(streams.Select(stream => FloodAsync(stream, path, ended.Token)));

        var cost = server.ProcessorTime - before;
        var answers = received.Sum() / PingBytes;
        AbuseTable.Add(
            $"HTTP/2 PING frames{name} without end", "1 KiB a second for each of `Limits:RequestsPerSecond`, after 20 times as much at once", $"{answers:N0} answers and {cost.TotalSeconds:0.0} s of one processor in 6 s");
        answers.Should().BeLessThan(150_000);
        cost.Should().BeLessThan(TimeSpan.FromSeconds(4));
        foreach (var stream in streams)
            await stream.DisposeAsync();
        using var http = Http2();
        (await http.GetAsync(new Uri(server.Address, "/notifier.js")).WaitAsync(Eventually.Limit)).StatusCode.Should().Be(HttpStatusCode.OK, "the address waits, and is answered");
    }

    [Fact]
    public async Task Requests_that_are_reset_at_once_neither_fill_the_log_nor_count_as_connections_for_ever()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, Listen.Tls);
        var sockets = app.Services.GetRequiredService<AcceptedSockets>();
        using var ended = new CancellationTokenSource(TimeSpan.FromSeconds(2));

        for (var n = 0; n < 20 && !ended.IsCancellationRequested; n++)
        {
            await using var stream = await ConnectAsync(app.Address);
            await FluentActions.Awaiting(() => FloodAsync(stream, "/nothing", ended.Token, pings: 0)).Should().NotThrowAsync();
        }

        await Eventually.IsAsync(() => sockets.Count == 0, "the connections have ended");
        // Kestrel may log that a connection has not completed, but not a line for each reset request.
        app.Log.Lines.Count(static line => line.Level >= LogLevel.Warning).Should().BeLessThan(10);
    }

    /// <param name="isBackend">Whether there is an API key.</param>
    /// <param name="messages">How many small messages are published too: for a visitor, few.</param>
    [Theory]
    [InlineData(true, 1_000)]
    [InlineData(false, 1)]
    public async Task Bodies_and_requests_over_http2_do_not_use_up_what_an_address_may_send(bool isBackend, int messages)
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, Listen.Tls,
            settings: [
                KnowsAddresses, "Limits:RequestsPerSecond=6", "Limits:PublishBytesPerSecond=33554432", "Access:Anonymous:Publish:0=*", "Access:ApiKeys:0:Name=b",
                $"Access:ApiKeys:0:Secret={Key}", "Access:ApiKeys:0:Publish:0=*",
            ]);
        using var http = Http2();
        if (isBackend)
            http.DefaultRequestHeaders.Add("X-Api-Key", Key);
        var payload = new string('x', 400_000);

        for (var n = 0; n < 20; n++)
            await PublishAsync("/publish/frames.large", payload);
        for (var n = 0; n < messages; n++)
            await PublishAsync("/publish/frames.small", "x");

        // An address may have 6 KiB a second, after 120 KiB. For 8 MB it would wait half an hour.
        async Task PublishAsync(string path, string body)
        {
            using var answer = await http.PostAsync(new Uri(app.Address, path), new StringContent(body)).WaitAsync(Eventually.Limit);
            answer.StatusCode.Should().Be(HttpStatusCode.OK);
        }
    }

    private static async Task<long> FloodAsync(SslStream stream, string? path, CancellationToken ended, int pings = 25)
    {
        var sending = Task.Run(async () =>
        {
            for (var id = 1; ; id += 2)
            {
                byte[] part = [.. path is null ? [] : ResetRequest(path, id), .. Enumerable.Repeat(Frame(Ping, PingBytes - FrameHeader), pings).SelectMany(static ping => ping)];
                await stream.WriteAsync(part, ended);
            }
        }, CancellationToken.None);
        var received = 0L;
        var buffer = new byte[64 * 1024];
        try
        {
            while (await stream.ReadAsync(buffer, ended) is > 0 and var read)
                received += read;
        }
        catch (Exception error) when (error is OperationCanceledException or IOException)
        {
            // The time is over, or Kestrel has closed the connection.
        }
        await FluentActions.Awaiting(() => sending).Should().ThrowAsync<Exception>();
        return received;
    }

    /// <summary>HEADERS, with literals of HPACK (RFC 7541, 6.2.2), and RST_STREAM.</summary>
    private static byte[] ResetRequest(string path, int id)
    {
        byte[] fields = [0x82, 0x87, 0x04, (byte)path.Length, .. Encoding.ASCII.GetBytes(path), 0x01, 9, .. "localhost"u8];
        var headers = Frame(Headers, (byte)fields.Length, (byte)(EndStream | EndHeaders), id);
        fields.CopyTo(headers, FrameHeader);
        return [.. headers, .. Frame(ResetStream, 4, 0, id)];
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

    /// <summary>A frame of zeros, on the connection itself or on a stream.</summary>
    private static byte[] Frame(byte type, byte length, byte flags = 0, int stream = 0)
    {
        var frame = new byte[FrameHeader + length];
        (frame[2], frame[3], frame[4]) = (length, type, flags);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        return frame;
    }
}
