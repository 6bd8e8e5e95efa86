using System.Net.Sockets;
using System.Text;
using FluentAssertions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Connections;

/// <summary>After the upgrade, a WebSocket no longer keeps the HTTP connection in memory where that is possible.</summary>
public sealed class ProtocolSwitchTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private RedisServer Redis => fixture.Redis;

    [Fact]
    public async Task The_http_request_is_freed_while_its_websocket_stays_open()
    {
        var requests = new RequestFilter();
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration, builder => builder.Services.AddSingleton<IStartupFilter>(requests));
        await using var client = await RawWebSocket.SubscribeAsync(app, "switch.memory");
        await Redis.WhenChannelIsLiveAsync(app, "switch.memory");

        await Eventually.IsAsync(
            () =>
            {
                GC.Collect();
                GC.WaitForPendingFinalizers();
                return !requests.Last!.IsAlive;
            },
            "Kestrel's HTTP connection is collected");
        await Redis.PublishAsync("switch.memory", "still here");
        (await client.ReadTextAsync()).Should().Be("still here");
    }

    [Fact]
    public async Task A_frame_sent_together_with_the_handshake_is_read()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync("127.0.0.1", app.Address.Port);
        var handshake = Encoding.ASCII.GetBytes(
            $"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");

        await socket.SendAsync((byte[])[.. handshake, .. RawWebSocket.Masked(Frame.TextOpcode, "switch.early"u8.ToArray())]);

        await Redis.WhenChannelIsLiveAsync(app, "switch.early");
    }

    [Fact]
    public async Task Clients_that_reset_right_after_the_handshake_are_not_logged_as_errors()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        for (var i = 0; i < 300; i++)
        {
            var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=switch.reset"));
            client.Abort();
        }

        await Eventually.IsAsync(() => app.Connections.Count == 0, "all connections have ended");
        app.Log.Lines.Should().NotContain(line => line.Level >= LogLevel.Warning && line.Category != "Notifier");
    }

    /// <summary>Sees each request without keeping it alive.</summary>
    private sealed class RequestFilter : IStartupFilter
    {
        /// <summary>Kestrel's HTTP/1.1 connection, which is also the feature object.</summary>
        public WeakReference? Last { get; private set; }

        public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
        {
            app.Use((context, following) =>
            {
                Last = new WeakReference(context.Features.Get<IHttpRequestFeature>());
                return following(context);
            });
            next(app);
        };
    }
}
