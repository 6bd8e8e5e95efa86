using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Endpoints;

/// <summary>
/// A name cannot forge a log line, send control sequences to the terminal that shows the log, or reach Redis as another name.
/// </summary>
public sealed class ControlCharactersTests(RedisFixture fixture) : IClassFixture<RedisFixture>
{
    /// <summary>Part of each name, so that the test finds the name even if the rest was changed.</summary>
    private const string Mark = "forged";

    private RedisServer Redis => fixture.Redis;

    [Theory]
    [InlineData("\u001B[2J")]
    [InlineData("\r\nfail: Notifier[0] ")]
    [InlineData("\n")]
    [InlineData("\0")]
    [InlineData("\b\b\b")]
    [InlineData("\u007F")]
    [InlineData("\u0085")]
    [InlineData("\u009B2J")]
    [InlineData("\u2028")]
    [InlineData("\u2029")]
    public async Task A_name_with_control_characters_is_neither_logged_nor_sent_to_redis(string control)
    {
        await using var app = await NotifierApp.StartAsync(
            Redis.Configuration,
            settings: ["Logging:LogLevel:Default=Trace", "Logging:LogLevel:Microsoft=Trace", "Logging:LogLevel:System=Trace"]);
        await using var monitor = await RedisMonitor.StartAsync(Redis);
        foreach (var name in new[] { $"{Mark}{control}", $"{control}{Mark}", $"{Mark}{control}*" })
        {
            var inAddress = Uri.EscapeDataString(name);
            await using var asking = await RawWebSocket.SubscribeAsync(app, name);
            await using var arriving = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=" + inAddress));
            await using var arrivingByPattern = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/?pattern=" + inAddress));
            foreach (var client in new[] { asking, arriving, arrivingByPattern })
                (await client.ReadUntilCloseAsync()).CloseCode.Should().Be(4400);
        }
        await using var last = await RawWebSocket.SubscribeAsync(app, "well-formed");
        await Redis.WhenChannelIsLiveAsync(app, "well-formed");

        var commands = await monitor.CommandsAsync();
        commands.Should().Contain(command => command.Contains("\"SUBSCRIBE\" \"well-formed\""))
            .And.NotContain(command => command.Contains(Mark));
        app.Log.Lines.Should().Contain(line => line.Category.StartsWith("Microsoft.AspNetCore"))
            .And.NotContain(line => line.Text.Contains(Mark));
    }
}
