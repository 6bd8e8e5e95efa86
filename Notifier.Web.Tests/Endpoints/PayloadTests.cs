using FluentAssertions;
using Microsoft.Extensions.Logging;
using Notifier.Hub;
using Notifier.Tests.Support;
using StackExchange.Redis;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>The payloads that a backend may publish, and how they arrive.</summary>
public sealed class PayloadTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    private const int PayloadBytes = 512 * 1024;

    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData(Listen.Plain)]
    [InlineData(Listen.Tls)]
    public async Task Payloads_of_every_kind_and_size_arrive_unchanged(Listen listen)
    {
        var channel = $"payload.{listen}";
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, listen);
        await using var client = await RawWebSocket.SubscribeAsync(app, channel);
        await Redis.WhenChannelIsLiveAsync(app, channel);
        var payloads = Payloads();

        await Redis.PublishAllAsync(channel, payloads.Select(payload => (RedisValue)payload.Bytes));

        foreach (var (opcode, bytes) in payloads)
        {
            var frame = await client.ReadMessageAsync();
            frame.Opcode.Should().Be(opcode);
            frame.Payload.AsSpan().SequenceEqual(bytes).Should().BeTrue();
        }
    }

    [Fact]
    public async Task Payloads_of_every_kind_and_size_arrive_unchanged_over_http2()
    {
        await using var app = await NotifierApp.StartAsync(Redis.Configuration, Listen.Tls);
        using var http2 = new Http2Client();
        using var client = await http2.ConnectAsync(app.WebSocketAddress("/ws?channel=payload.http2"));
        await Redis.WhenChannelIsLiveAsync(app, "payload.http2");
        var payloads = Payloads();

        await Redis.PublishAllAsync("payload.http2", payloads.Select(payload => (RedisValue)payload.Bytes));

        foreach (var (opcode, bytes) in payloads)
        {
            var frame = await client.ReadMessageAsync();
            frame.Opcode.Should().Be(opcode);
            frame.Payload.AsSpan().SequenceEqual(bytes).Should().BeTrue();
        }
    }

    [Fact]
    public async Task An_oversized_message_is_dropped_as_a_counted_and_logged_gap_and_the_next_one_arrives()
    {
        var gaps = new List<string>();
        await using var app = await NotifierApp.StartAsync(Redis.Configuration);
        using var listener = app.Meters.ListenerOf("notifier.gaps");
        listener.SetMeasurementEventCallback<long>((_, count, tags, _) =>
        {
            if (count > 0)
                gaps.Add($"{tags[0].Key}={tags[0].Value}");
        });
        listener.Start();
        await using var client = await RawWebSocket.SubscribeAsync(app, "too.large");
        await Redis.WhenChannelIsLiveAsync(app, "too.large");

        await Redis.PublishAllAsync("too.large", ["before", new byte[PayloadBytes + 1], "after"]);

        (await client.ReadTextAsync()).Should().Be("before");
        (await client.ReadTextAsync()).Should().Be("after");
        gaps.Should().Equal("notifier.gap.code=too_large");
        app.Log.Lines.Should().ContainSingle(line => line.Level == LogLevel.Warning && line.Category == typeof(SubscriptionContext).FullName).Which.Text
            .Should().StartWith("A message for too.large has 524289 bytes and was dropped; Limits:PayloadBytes allows 524288.");
    }

    private static List<(byte Opcode, byte[] Bytes)> Payloads()
    {
        var text = Enumerable.Range(0, PayloadBytes).Select(n => (byte)('a' + (n % 26))).ToArray();
        return
        [
            (Frame.TextOpcode, "Mathias signed up"u8.ToArray()),
            (Frame.TextOpcode, []),
            (Frame.TextOpcode, "Zoë 👋 \0 \u0001"u8.ToArray()),
            (Frame.BinaryOpcode, [0xFF]),
            (Frame.BinaryOpcode, [0xED, 0xA0, 0x80]),
            (Frame.TextOpcode, []),
            .. new[] { 125, 126, 16 * 1024, (16 * 1024) + 1, 47 * 1024, 65_535, 65_536, PayloadBytes }
                .SelectMany(length => new[] { (Frame.TextOpcode, text[..length]), (Frame.BinaryOpcode, [.. text[1..length], 0x80]) }),
            (Frame.TextOpcode, "end"u8.ToArray()),
        ];
    }
}
