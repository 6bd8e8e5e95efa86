using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using FluentAssertions;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;

namespace Notifier.Tests.Operations;

/// <summary>With all log levels and all features on, no secret is in the log, whatever clients send and however they fail.</summary>
public sealed class LogSecrecyTests : IDisposable
{
    private readonly PlantedSecrets secrets = new();
    private string signingKey = "";
    private readonly string certificate = Path.GetTempFileName();

    public void Dispose() => File.Delete(certificate);

    [Fact]
    public async Task No_payload_token_password_or_connection_string_is_in_the_log_at_any_level()
    {
        var password = secrets.Plant("password");
        await using var redis = await RedisServer.CreateAsync("--requirepass", password);
        await redis.StartHostAsync(password);
        File.WriteAllBytes(certificate, NotifierApp.Certificate.Value.Export(X509ContentType.Pfx));
        secrets.Add($"{redis.Configuration},");
        signingKey = secrets.Plant("secret");
        var key = secrets.Plant("key");
        await using var program = NotifierProcess.Start("Production",
        [
            $"Access:Tokens:Secret={signingKey}", "Access:Tokens:AllowTokenInQuery=true", "Access:Tokens:Cookie=session",
            "Access:ApiKeys:0:Name=backend", $"Access:ApiKeys:0:Secret={key}", "Access:ApiKeys:0:Publish:0=*",
            $"Redis:Configuration={redis.Configuration},password={password}", "Limits:PayloadBytes=1000", "Access:Anonymous:Subscribe:0=*",
            "Kestrel:Endpoints:Plain:Url=http://127.0.0.1:0", "Kestrel:Endpoints:Tls:Url=https://127.0.0.1:0",
            $"Kestrel:Endpoints:Tls:Certificate:Path={certificate}", .. PlantedSecrets.FullLogging,
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
        secrets.ShouldBeAbsentFrom(program.Output);
    }

    [Fact]
    [Trait(NotifierBuild.Redis, NotifierBuild.Embedded)]
    public async Task No_payload_is_in_the_log_of_the_embedded_redis_at_any_level()
    {
        var port = FreePort.Next();
        await using var program = NotifierProcess.Start(
            "Production", ["Redis:Embedded=true", $"Redis:EmbeddedPort={port}", "Access:Anonymous:Subscribe:0=*", .. PlantedSecrets.FullLogging]);
        await program.PrintsAsync("Try: ");
        await using var backend = await ConnectionMultiplexer.ConnectAsync($"127.0.0.1:{port}");
        await using var client = await RawWebSocket.ConnectAsync(WebSocket(program.Address("http"), "/ws?channel=embedded"));
        var payload = secrets.Plant("payload");
        await Eventually.IsAsync(
            async () => await backend.GetSubscriber().PublishAsync(RedisChannel.Literal("embedded"), payload) == 1,
            "the channel is subscribed");

        (await client.ReadTextAsync()).Should().Be(payload);
        (await program.TerminateAsync()).Should().Be(0, program.Output);

        program.Output.Should().Contain("\"Category\":\"Garnet");
        secrets.ShouldBeAbsentFrom(program.Output);
    }

    /// <summary>Sends tokens in every place of a request that is answered.</summary>
    private async Task AskByHttpAsync(Uri address)
    {
        using var http = new HttpClient();
        foreach (var path in new[] { "/", "/ws", "/nothing", "/demo.js", "/%0Anothing" })
        {
            using var request = new HttpRequestMessage(
                HttpMethod.Get, new Uri(address, $"{path}?token={secrets.Plant("token")}&access_token={secrets.Plant("token")}"));
            request.Headers.TryAddWithoutValidation("Authorization", $"Bearer {secrets.Plant("bearer")}");
            request.Headers.TryAddWithoutValidation("Cookie", $"session={secrets.Plant("cookie")}");
            using var response = await http.SendAsync(request);
        }
        using var posted = await http.PostAsync(new Uri(address, "/ws"), new StringContent(secrets.Plant("body")));
    }

    /// <summary>Sends valid and invalid tokens and API keys, in every place for them.</summary>
    private async Task ShowCredentialsAsync(Uri address, string key)
    {
        foreach (var token in new[] { secrets.PlantToken(signingKey), secrets.Plant("bad"), secrets.PlantToken(signingKey, seconds: -60) })
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
        foreach (var shown in new[] { key, secrets.Plant("unknown") })
        {
            using var http = new HttpClient();
            http.DefaultRequestHeaders.Add("X-Api-Key", shown);
            using var published = await http.PostAsync(new Uri(address, "/publish/x"), new StringContent(secrets.Plant("payload")));
            (published.StatusCode == System.Net.HttpStatusCode.OK).Should().Be(shown == key);
        }
    }

    /// <summary>Sends requests that Kestrel rejects, each with a secret in the invalid part.</summary>
    private async Task BreakHttpAsync(Uri address)
    {
        foreach (var request in new[]
        {
            $"GET /?token={secrets.Plant("line")} and more HTTP/1.1\r\n\r\n",
            $"GET /?token={secrets.Plant("line")}\u0001 HTTP/1.1\r\n\r\n",
            $"G\u0001T /?token={secrets.Plant("line")} HTTP/1.1\r\n\r\n",
            $"GET http://\u0001?token={secrets.Plant("line")} HTTP/1.1\r\nHost: x\r\n\r\n",
            $"GET ?token={secrets.Plant("line")} HTTP/1.1\r\nHost: x\r\n\r\n",
            $"GET /%00?token={secrets.Plant("line")} HTTP/1.1\r\nHost: x\r\n\r\n",
            $"GET /?token={secrets.Plant("line")} HTTP/9.{secrets.Plant("version")}\r\n\r\n",
            $"GET /?token={secrets.Plant("line")} HTTP/1.1\r\nHost: {secrets.Plant("host")} x\r\n\r\n",
            $"GET /?token={secrets.Plant("line")} HTTP/1.1\r\nHost: x\r\nAuthorization Bearer {secrets.Plant("header")}\r\n\r\n",
            $"GET /?token={secrets.Plant("line")} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secrets.Plant("header")}\0\r\n\r\n",
            $"POST /ws HTTP/1.1\r\nHost: x\r\nContent-Length: {secrets.Plant("length")}\r\n\r\n",
            $"POST /ws HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{secrets.Plant("chunk")}\r\n\r\n",
            $"GET /{new string('x', 40_000)}?token={secrets.Plant("line")} HTTP/1.1\r\nHost: x\r\n\r\n",
        })
        {
            using var client = new TcpClient();
            await client.ConnectAsync(address.Host, address.Port);
            using var reader = new StreamReader(client.GetStream());
            await reader.BaseStream.WriteAsync(Encoding.Latin1.GetBytes(request));
            (await reader.ReadLineAsync().WaitAsync(Eventually.Limit)).Should().MatchRegex(@"^HTTP/1.1 (4\d\d|505) ", request);
        }
    }

    /// <summary>Clients violate the protocol, subscribe to forbidden names, or abort.</summary>
    private async Task BreakWebSocketAsync(Uri address)
    {
        foreach (var frame in new[]
        {
            RawWebSocket.Masked(0x40 | Frame.TextOpcode, Encoding.UTF8.GetBytes(secrets.Plant("reserved"))),
            RawWebSocket.Masked(Frame.TextOpcode, [0xFF, .. Encoding.UTF8.GetBytes(secrets.Plant("utf8"))]),
            RawWebSocket.Masked(Frame.BinaryOpcode, Encoding.UTF8.GetBytes(secrets.Plant("binary"))),
            RawWebSocket.Masked(Frame.TextOpcode, Encoding.UTF8.GetBytes($"\u001b{secrets.Plant("escaped")}\r\n")),
            RawWebSocket.Masked(Frame.TextOpcode, Encoding.UTF8.GetBytes("__" + secrets.Plant("name"))),
            RawWebSocket.Masked(Frame.TextOpcode, Encoding.UTF8.GetBytes(secrets.Plant("long") + new string('x', 10_000))),
            RawWebSocket.Masked(Frame.CloseOpcode, [3, 0xE9, .. Encoding.UTF8.GetBytes(secrets.Plant("reason"))]),
            RawWebSocket.Masked(Frame.PingOpcode, Encoding.UTF8.GetBytes(secrets.Plant("ping"))),
        })
        {
            await using var client = await RawWebSocket.ConnectAsync(
                WebSocket(address, $"/ws?token={secrets.Plant("token")}"),
                headers: $"Authorization: Bearer {secrets.Plant("bearer")}\r\nCookie: session={secrets.Plant("cookie")}\r\n");
            await client.SendRawAsync(frame);
            (await client.ReadFrameAsync()).Should().NotBeNull();
        }
        await using var speaking = await RawWebSocket.ConnectAsync(
            WebSocket(address, "/"), headers: $"Sec-WebSocket-Protocol: bearer.{secrets.Plant("subprotocol")}\r\n");
        await speaking.ReadUntilCloseAsync();
        await using var aborted = await RawWebSocket.ConnectAsync(WebSocket(address, $"/ws?access_token={secrets.Plant("token")}"));
        aborted.Abort();
    }

    /// <summary>Clients of each kind receive what Redis publishes for them.</summary>
    private async Task ListenAsync(NotifierProcess program, RedisServer redis, string run)
    {
        var (channel, pattern) = ($"secrecy.{run}", $"secrecy.{run}*");
        await using var asking = await RawWebSocket.ConnectAsync(WebSocket(program.Address("http"), $"/?token={secrets.Plant("token")}"));
        await asking.SendTextAsync(channel);
        await using var arriving = await RawWebSocket.ConnectAsync(
            WebSocket(program.Address("https"), $"/ws?pattern={Uri.EscapeDataString(pattern)}&access_token={secrets.PlantToken(signingKey)}"));
        using var http2 = new Http2Client();
        using var multiplexed = await http2.ConnectAsync(
            WebSocket(program.Address("https"), $"/ws?channel={channel}&token={secrets.Plant("token")}"));
        await Eventually.IsAsync(async () => await redis.PublishAsync(channel, "live") == 2, "channel and pattern are subscribed");

        await redis.PublishAsync(channel, secrets.Plant("large") + new string('x', 1000));
        await redis.PublishAsync(channel, (byte[])[0xFF, .. Encoding.UTF8.GetBytes(secrets.Plant("binary"))]);
        var last = secrets.Plant("payload");
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

    private static Uri WebSocket(Uri address, string path) =>
        new UriBuilder(new Uri(address, path)) { Scheme = address.Scheme == "https" ? "wss" : "ws" }.Uri;
}
