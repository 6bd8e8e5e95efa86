using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Browser;

/// <summary>When and how the client reconnects after a connection ends, in a real browser against a server that the test controls.</summary>
public sealed class ClientReconnectTests(BrowserFixture browser) : IClassFixture<BrowserFixture>
{
    private static readonly int[] Ceilings = [500, 1000, 2000, 4000, 8000, 16000, 20000, 20000];

    [Fact]
    public async Task A_client_subscribes_to_every_name_again_from_its_last_position_after_a_server_restart()
    {
        var first = await FakeNotifier.StartAsync();
        var port = first.Port;
        await using var client = await OpenAsync(first);
        await client.DoAsync("chance = 0.05; observe(new Notifier()); notifier.channel('a', hear); notifier.pattern('b.*', hear)");
        var connection = await first.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be("subscribe a");
        (await connection.ReadTextAsync()).Should().Be("subscribe b.*");
        await connection.SendAsync(new { type = "message", pattern = "b.*", channel = "b.1", data = "before", position = "p7" });
        await client.LogsAsync("b.1: before");

        await first.DisposeAsync();
        await client.LogsAsync("state waiting");
        await using var second = await FakeNotifier.StartAsync(port);

        connection = await second.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be("subscribe a");
        (await connection.ReadTextAsync()).Should().Be("subscribe b.* p7");
        await connection.SendAsync(new { type = "message", channel = "a", data = "after", position = "p1" });
        await client.LogsAsync("a: after");
    }

    [Fact]
    public async Task The_reconnect_delay_is_random_below_a_ceiling_that_doubles_from_half_a_second_to_20_seconds()
    {
        await using var fake = await FakeNotifier.StartAsync();
        fake.ClosesWith = (4500, "internal error");
        await using var client = await OpenAsync(fake, hasOwnClock: true);
        await client.DoAsync("chance = 1; observe(new Notifier()); notifier.channel('a', hear)");

        foreach (var (n, ceiling) in Ceilings.Index())
        {
            (await client.DelayAsync(n + 1)).Should().Be(ceiling);
            await fake.AcceptAsync();
            await client.Page.Clock.RunForAsync(ceiling - 1);
            fake.Waiting.Should().Be(0);
            await client.Page.Clock.RunForAsync(1);
        }
        await fake.AcceptAsync();
        await client.DoAsync("chance = 0.3");
        await client.Page.Clock.RunForAsync((long)await client.DelayAsync(9));
        (await client.DelayAsync(10)).Should().Be(6000, "chance spreads evenly from nothing to the ceiling");
    }

    [Theory]
    [InlineData(4400)]
    [InlineData(4401)]
    [InlineData(4403)]
    [InlineData(4413)]
    [InlineData(4499)]
    public async Task A_close_code_of_44xx_stops_reconnecting_until_connect_is_called(int code)
    {
        await using var fake = await FakeNotifier.StartAsync();
        fake.ClosesWith = (code, "not you");
        await using var client = await OpenAsync(fake, hasOwnClock: true);
        await client.DoAsync("observe(new Notifier()); notifier.channel('a', hear)");

        await client.LogsAsync("state refused");
        await client.LogsAsync($"error {code}");
        await fake.AcceptAsync();
        await client.Page.Clock.RunForAsync(120_000);
        await client.DoAsync("dispatchEvent(new Event('online'))");
        (await client.LogAsync()).Should().Equal("state connecting", "state refused", $"error {code}");
        fake.Waiting.Should().Be(0);

        fake.ClosesWith = null;
        await client.DoAsync("notifier.connect()");
        (await (await fake.AcceptAsync()).ReadTextAsync()).Should().Be("subscribe a");
        await client.LogsAsync("state connected");
    }

    [Theory]
    [InlineData(1001)]
    [InlineData(1011)]
    [InlineData(4000)]
    [InlineData(4500)]
    [InlineData(4503)]
    [InlineData(4508)]
    [InlineData(4599)]
    [InlineData(4700)]
    public async Task A_close_code_other_than_44xx_reconnects_with_back_off(int code)
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake, hasOwnClock: true);
        await client.DoAsync("observe(new Notifier()); notifier.channel('a', hear)");
        var connection = await fake.AcceptAsync();
        await client.LogsAsync("subscribed a");

        await connection.CloseAsync(code, "come back");

        (await client.DelayAsync(1)).Should().Be(250);
        await client.LogsAsync("state waiting");
        await client.Page.Clock.RunForAsync(250);
        (await (await fake.AcceptAsync()).ReadTextAsync()).Should().Be("subscribe a");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_client_waits_as_long_as_a_closing_server_asks_even_if_the_network_returns_sooner(bool inFrame)
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake, hasOwnClock: true);
        await client.DoAsync("observe(new Notifier()); notifier.channel('a', hear)");
        var connection = await fake.AcceptAsync();
        await client.LogsAsync("subscribed a");

        if (inFrame)
            await connection.SendAsync(new { type = "closing", retryAfter = 7.35 });
        await connection.CloseAsync(4601, inFrame ? "" : "retryAfter=7.35");

        (await client.DelayAsync(1)).Should().Be(7350);
        await client.DoAsync("dispatchEvent(new Event('online'))");
        await client.Page.Clock.RunForAsync(7349);
        fake.Waiting.Should().Be(0);
        await client.Page.Clock.RunForAsync(1);
        await fake.AcceptAsync();
    }

    [Fact]
    public async Task A_client_reconnects_when_the_server_is_silent_for_35_seconds()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake, hasOwnClock: true);
        await client.DoAsync("observe(new Notifier()); notifier.channel('a', hear)");
        var connection = await fake.AcceptAsync();
        await client.LogsAsync("subscribed a");

        await client.Page.Clock.RunForAsync(30_000);
        await connection.SendAsync(new { type = "message", channel = "a", data = "still here" });
        await client.LogsAsync("a: still here");
        await client.Page.Clock.RunForAsync(34_000);
        (await client.LogAsync()).Should().NotContain("state waiting");

        await client.Page.Clock.RunForAsync(1_500);
        await client.LogsAsync("state waiting");
        await client.Page.Clock.RunForAsync(500);
        await fake.AcceptAsync();
    }

    [Fact]
    public async Task A_waiting_client_reconnects_at_once_when_the_network_returns()
    {
        await using var fake = await FakeNotifier.StartAsync();
        fake.ClosesWith = (4503, "overloaded");
        await using var client = await OpenAsync(fake, hasOwnClock: true);
        await client.DoAsync("observe(new Notifier()); notifier.channel('a', hear)");
        await client.DelayAsync(1);
        await fake.AcceptAsync();
        fake.ClosesWith = null;

        await client.DoAsync("dispatchEvent(new Event('online'))");

        await client.LogsAsync("subscribed a");
        (await fake.AcceptAsync()).Should().NotBeNull();
    }

    [Fact]
    public async Task A_token_function_is_called_again_after_close_code_4401_and_when_its_token_is_expiring()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake);
        await client.DoAsync("let n = 0; observe(new Notifier(undefined, { token: async () => `t${++n}` })); notifier.channel('a', hear)");
        var connection = await fake.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be("auth t1");
        (await connection.ReadTextAsync()).Should().Be("subscribe a");

        await connection.CloseAsync(4401, "expired");
        connection = await fake.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be("auth t2");
        (await connection.ReadTextAsync()).Should().Be("subscribe a");

        await connection.SendAsync(new { type = "expiring", @in = 60 });
        (await connection.ReadTextAsync()).Should().Be("auth t3");

        await connection.CloseAsync(4401, "no");
        await client.LogsAsync("state refused");
        await client.LogsAsync("error 4401");
    }

    private async Task<ClientPage> OpenAsync(FakeNotifier fake, bool hasOwnClock = false) =>
        await ClientPage.OpenAsync(await browser.NewPageAsync(), fake.Address, hasOwnClock);
}
