using System.Globalization;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using FluentAssertions;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;

namespace Notifier.Tests.Operations;

/// <summary>Everything is turned on, and everything happens: the log is no place where secrets are found.</summary>
public sealed class LogSecrecyTests : IDisposable
{
    /// <summary>All levels of all that logs, said in every way there is.</summary>
    internal static readonly string[] Everything =
    [
        .. from rules in new[] { "Logging", "Logging:Console" }
           from category in new[]
           {
               "Default", "Microsoft", "System", "StackExchange", "Garnet", "Notifier",
               "Microsoft.AspNetCore.Hosting.Diagnostics", "Microsoft.AspNetCore.Server.Kestrel.BadRequests*",
           }
           select $"{rules}:LogLevel:{category}=Trace",
        "Logging:Console:FormatterOptions:IncludeScopes=true",
    ];

    private readonly List<string> planted = [];
    private string secret = "";
    private readonly string certificate = Path.GetTempFileName();

    public void Dispose() => File.Delete(certificate);

    [Fact]
    public async Task No_payload_token_password_or_connection_string_is_in_the_log_at_any_level()
    {
        var password = Plant("password");
        await using var redis = await RedisServer.CreateAsync("--requirepass", password);
        await redis.StartHostAsync(password);
        File.WriteAllBytes(certificate, NotifierApp.Certificate.Value.Export(X509ContentType.Pfx));
        planted.Add($"{redis.Configuration},");
        secret = Plant("secret");
        var key = Plant("key");
        await using var program = NotifierProcess.Start("Production",
        [
            $"Access:Tokens:Secret={secret}", "Access:Tokens:AllowTokenInQuery=true", "Access:Tokens:Cookie=session",
            "Access:ApiKeys:0:Name=backend", $"Access:ApiKeys:0:Secret={key}", "Access:ApiKeys:0:Publish:0=*",
            $"Redis:Configuration={redis.Configuration},password={password}", "Limits:PayloadBytes=1000", "Access:Anonymous:Subscribe:0=*",
            "Kestrel:Endpoints:Plain:Url=http://127.0.0.1:0", "Kestrel:Endpoints:Tls:Url=https://127.0.0.1:0",
            $"Kestrel:Endpoints:Tls:Certificate:Path={certificate}", .. Everything,
        ]);
        await program.PrintsAsync("Connected to Redis");
        await program.PrintsAsync("Try: ");

        await AskByHttpAsync(program.Address("http"));
        await ShowCredentialsAsync(program.Address("http"), key);
        await BreakHttpAsync(program.Address("http"));
        await BreakWebSocketAsync(program.Address("http"));
        await ListenAsync(program, redis, "before");
        await redis.Server.ExecuteAsync("CLIENT", "KILL", "TYPE", "pubsub");
        await program.PrintsAsync("Redis does not answer");
        await redis.Server.ExecuteAsync("CLIENT", "KILL", "TYPE", "normal");
        await program.PrintsAsync("Redis is back");
        await ListenAsync(program, redis, "after");
        (await program.TerminateAsync()).Should().Be(0, program.Output);

        foreach (var seen in new[]
        {
            "\"Trace\",\"Category\":\"Microsoft.AspNetCore.Server.Kestrel.Http2", "\"Debug\",\"Category\":\"Microsoft.AspNetCore.Server.Kestrel.Connections",
            "\"Debug\",\"Category\":\"Microsoft.AspNetCore.StaticFiles", "\"Debug\",\"Category\":\"Microsoft.AspNetCore.Routing", "\"Debug\",\"Category\":\"Notifier.Endpoints.Sessions.WebSocketEndpoint",
            "\"Warning\",\"Category\":\"Notifier.Hub.Subscription", "was dropped; Limits:PayloadBytes allows 1000",
        })
            program.Output.Should().Contain(seen, "else the log is not as loud as it is meant to be");
        NothingPlantedIsIn(program.Output);
    }

    [Fact]
    public async Task No_payload_is_in_the_log_of_the_embedded_redis_at_any_level()
    {
        var port = FreePort.Next();
        await using var program = NotifierProcess.Start(
            "Production", ["Redis:Embedded=true", $"Redis:EmbeddedPort={port}", "Access:Anonymous:Subscribe:0=*", .. Everything]);
        await program.PrintsAsync("Try: ");
        await using var backend = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{port}");
        await using var client = await RawWebSocket.ConnectAsync(WebSocket(program.Address("http"), "/ws?channel=embedded"));
        var payload = Plant("payload");
        await Eventually.IsAsync(
            async () => await backend.GetSubscriber().PublishAsync(RedisChannel.Literal("embedded"), payload) == 1,
            "the channel is subscribed");

        (await client.ReadTextAsync()).Should().Be(payload);
        (await program.TerminateAsync()).Should().Be(0, program.Output);

        program.Output.Should().Contain("\"Category\":\"Garnet");
        NothingPlantedIsIn(program.Output);
    }

    /// <summary>Tokens wherever a client may put them, in requests that are answered.</summary>
    private async Task AskByHttpAsync(Uri address)
    {
        using var http = new HttpClient();
        foreach (var path in new[] { "/", "/ws", "/nothing", "/demo.js", "/%0Anothing" })
        {
            using var request = new HttpRequestMessage(
                HttpMethod.Get, new Uri(address, $"{path}?token={Plant("token")}&access_token={Plant("token")}"));
            request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {Plant("bearer")}");
            request.Headers.TryAddWithoutValidation("Cookie", $"session={Plant("cookie")}");
            using var response = await http.SendAsync(request);
        }
        using var posted = await http.PostAsync(new Uri(address, "/ws"), new StringContent(Plant("body")));
    }

    /// <summary>Tokens and keys that are good, and such that are not, in every place for them.</summary>
    private async Task ShowCredentialsAsync(Uri address, string key)
    {
        foreach (var token in new[] { PlantToken(), Plant("bad"), PlantToken(-60) })
        {
            foreach (var (path, headers) in new[]
            {
                ("/ws", $"Authorization: Bearer {token}\r\nSec-WebSocket-Protocol: notifier.v1\r\n"), ("/ws", $"Cookie: session={token}\r\nSec-WebSocket-Protocol: notifier.v1\r\n"),
                ("/ws", $"Sec-WebSocket-Protocol: notifier.v1, bearer.{token}\r\n"), ($"/ws?access_token={token}", "Sec-WebSocket-Protocol: notifier.v1\r\n"),
            })
            {
                await using var client = await RawWebSocket.ConnectAsync(WebSocket(address, path), headers: headers);
                await client.SendTextAsync($$"""{"type":"auth","token":"{{token}}"}""");
                (await client.ReadFrameAsync()).Should().NotBeNull();
            }
            using var http = new HttpClient();
            using var events = await http.GetAsync(new Uri(address, $"/events?channel=x&access_token={token}"), HttpCompletionOption.ResponseHeadersRead);
        }
        foreach (var shown in new[] { key, Plant("unknown") })
        {
            using var http = new HttpClient();
            http.DefaultRequestHeaders.Add("X-Api-Key", shown);
            using var published = await http.PostAsync(new Uri(address, "/publish/x"), new StringContent(Plant("payload")));
            (published.StatusCode == System.Net.HttpStatusCode.OK).Should().Be(shown == key);
        }
    }

    /// <summary>Requests that Kestrel refuses, each with a secret in what is wrong with it.</summary>
    private async Task BreakHttpAsync(Uri address)
    {
        foreach (var request in new[]
        {
            $"GET /?token={Plant("line")} and more HTTP/1.1\r\n\r\n",
            $"GET /?token={Plant("line")}\u0001 HTTP/1.1\r\n\r\n",
            $"G\u0001T /?token={Plant("line")} HTTP/1.1\r\n\r\n",
            $"GET http://\u0001?token={Plant("line")} HTTP/1.1\r\nHost: x\r\n\r\n",
            $"GET ?token={Plant("line")} HTTP/1.1\r\nHost: x\r\n\r\n",
            $"GET /%00?token={Plant("line")} HTTP/1.1\r\nHost: x\r\n\r\n",
            $"GET /?token={Plant("line")} HTTP/9.{Plant("version")}\r\n\r\n",
            $"GET /?token={Plant("line")} HTTP/1.1\r\nHost: {Plant("host")} x\r\n\r\n",
            $"GET /?token={Plant("line")} HTTP/1.1\r\nHost: x\r\nAuthorization Bearer {Plant("header")}\r\n\r\n",
            $"GET /?token={Plant("line")} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {Plant("header")}\0\r\n\r\n",
            $"POST /ws HTTP/1.1\r\nHost: x\r\nContent-Length: {Plant("length")}\r\n\r\n",
            $"POST /ws HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{Plant("chunk")}\r\n\r\n",
            $"GET /{new string('x', 40_000)}?token={Plant("line")} HTTP/1.1\r\nHost: x\r\n\r\n",
        })
        {
            using var client = new TcpClient();
            await client.ConnectAsync(address.Host, address.Port);
            using var reader = new StreamReader(client.GetStream());
            await reader.BaseStream.WriteAsync(Encoding.Latin1.GetBytes(request));
            (await reader.ReadLineAsync().WaitAsync(Eventually.Limit)).Should().MatchRegex(@"^HTTP/1.1 (4\d\d|505) ", request);
        }
    }

    /// <summary>Clients that break the protocol, or ask for what they cannot have, or are gone.</summary>
    private async Task BreakWebSocketAsync(Uri address)
    {
        foreach (var frame in new[]
        {
            RawWebSocket.Masked(0x40 | Frame.TextOpcode, Encoding.UTF8.GetBytes(Plant("reserved"))),
            RawWebSocket.Masked(Frame.TextOpcode, [0xFF, .. Encoding.UTF8.GetBytes(Plant("utf8"))]),
            RawWebSocket.Masked(Frame.BinaryOpcode, Encoding.UTF8.GetBytes(Plant("binary"))),
            RawWebSocket.Masked(Frame.TextOpcode, Encoding.UTF8.GetBytes($"\u001b{Plant("escaped")}\r\n")),
            RawWebSocket.Masked(Frame.TextOpcode, Encoding.UTF8.GetBytes("__" + Plant("name"))),
            RawWebSocket.Masked(Frame.TextOpcode, Encoding.UTF8.GetBytes(Plant("long") + new string('x', 10_000))),
            RawWebSocket.Masked(Frame.CloseOpcode, [3, 0xE9, .. Encoding.UTF8.GetBytes(Plant("reason"))]),
            RawWebSocket.Masked(Frame.PingOpcode, Encoding.UTF8.GetBytes(Plant("ping"))),
        })
        {
            await using var client = await RawWebSocket.ConnectAsync(
                WebSocket(address, $"/ws?token={Plant("token")}"),
                headers: $"Authorization: Bearer {Plant("bearer")}\r\nCookie: session={Plant("cookie")}\r\n");
            await client.SendRawAsync(frame);
            (await client.ReadFrameAsync()).Should().NotBeNull();
        }
        await using var speaking = await RawWebSocket.ConnectAsync(
            WebSocket(address, "/"), headers: $"Sec-WebSocket-Protocol: bearer.{Plant("subprotocol")}\r\n");
        await speaking.ReadUntilCloseAsync();
        await using var aborted = await RawWebSocket.ConnectAsync(WebSocket(address, $"/ws?access_token={Plant("token")}"));
        aborted.Abort();
    }

    /// <summary>A visitor of each kind, and what is published for them.</summary>
    private async Task ListenAsync(NotifierProcess program, RedisServer redis, string run)
    {
        var (channel, pattern) = ($"secrecy.{run}", $"secrecy.{run}*");
        await using var asking = await RawWebSocket.ConnectAsync(WebSocket(program.Address("http"), $"/?token={Plant("token")}"));
        await asking.SendTextAsync(channel);
        await using var arriving = await RawWebSocket.ConnectAsync(
            WebSocket(program.Address("https"), $"/ws?pattern={Uri.EscapeDataString(pattern)}&access_token={PlantToken()}"));
        using var http2 = new Http2Client();
        using var multiplexed = await http2.ConnectAsync(
            WebSocket(program.Address("https"), $"/ws?channel={channel}&token={Plant("token")}"));
        await Eventually.IsAsync(async () => await redis.PublishAsync(channel, "live") == 2, "channel and pattern are subscribed");

        await redis.PublishAsync(channel, Plant("large") + new string('x', 1000));
        await redis.PublishAsync(channel, (byte[])[0xFF, .. Encoding.UTF8.GetBytes(Plant("binary"))]);
        var last = Plant("payload");
        await redis.PublishAsync(channel, last);

        await ReadAsync(asking.ReadMessageAsync);
        await ReadAsync(arriving.ReadMessageAsync);
        await ReadAsync(_ => multiplexed.ReadMessageAsync());

        async Task ReadAsync(Func<TimeSpan?, Task<Frame>> next)
        {
            while ((await next(null)).Text != last)
            {
            }
        }
    }

    /// <summary>A string that is nowhere else, to be looked for in the log.</summary>
    private string Plant(string what)
    {
        planted.Add(string.Create(CultureInfo.InvariantCulture, $"planted-{what}-{planted.Count}-{Guid.NewGuid():N}"));
        return planted[^1];
    }

    /// <summary>One that is good for so many seconds. Its parts are looked for, too.</summary>
    private string PlantToken(int seconds = 300)
    {
        var payload = TestToken.Payload(DateTimeOffset.UtcNow.AddSeconds(seconds), "*");
        payload.Remove("aud");
        payload["jti"] = Guid.NewGuid().ToString();
        var token = TestToken.Sign(payload, sign: text => System.Security.Cryptography.HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), text));
        planted.AddRange(token.Split('.')[1..]);
        return token;
    }

    private void NothingPlantedIsIn(string output)
    {
        planted.Should().NotBeEmpty();
        var leaks = output.Split('\n').Where(line => planted.Any(secret => line.Contains(secret, StringComparison.OrdinalIgnoreCase)));
        string.Join('\n', leaks).Should().BeEmpty();
    }

    private static Uri WebSocket(Uri address, string path) =>
        new UriBuilder(new Uri(address, path)) { Scheme = address.Scheme == "https" ? "wss" : "ws" }.Uri;
}
