using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Browser;

/// <summary>Components add and remove listeners as they render. The test controls the server.</summary>
public sealed class ClientListenerTests(BrowserFixture browser) : IClassFixture<BrowserFixture>
{
    /// <summary>React runs an effect's clean-up and the effect again; an element is moved in the document.</summary>
    [Fact]
    public async Task A_name_closed_and_subscribed_again_at_once_stays_subscribed_and_keeps_its_position()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake);
        var connection = await ListenAsync(client, fake);
        await connection.SendAsync(new { type = "message", channel = "a", data = "one", position = "p1" });
        await client.LogsAsync("a: one");

        await client.DoAsync("held.close(); globalThis.held = notifier.channel('a', hear)");
        await connection.SendAsync(new { type = "message", channel = "a", data = "two", position = "p2" });
        await client.LogsAsync("a: two");
        connection.Unread.Should().Be(0, "nothing has changed for the server");

        await client.DoAsync("held.close(); globalThis.held = notifier.channel('a', hear)");
        connection.Abort();
        (await (await fake.AcceptAsync()).ReadTextAsync()).Should().Be("subscribe a p2");
    }

    [Theory]
    [InlineData("{ last: 5 }", "subscribe a 5")]
    [InlineData("{ after: 'p0' }", "subscribe a p0")]
    public async Task A_name_subscribed_again_at_once_for_earlier_messages_is_a_new_subscription(string options, string command)
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake);
        var connection = await ListenAsync(client, fake);
        await connection.SendAsync(new { type = "message", channel = "a", data = "one", position = "p1" });
        await client.LogsAsync("a: one");
        connection.Confirms = false;

        await client.DoAsync($"held.close(); notifier.channel('a', hear, {options})");

        (await connection.ReadTextAsync()).Should().Be("unsubscribe a");
        var again = await connection.ReadAsync();
        FakeConnection.TextOf(again).Should().Be(command);
        // A message of the old subscription that was on the way comes again with the new one.
        await connection.SendAsync(new { type = "message", channel = "a", data = "two", position = "p2" });
        await connection.SendAsync(new { type = "unsubscribed", channel = "a" });
        await connection.ConfirmAsync(again);
        await connection.SendAsync(new { type = "message", channel = "a", data = "one", position = "p1" });
        await connection.SendAsync(new { type = "message", channel = "a", data = "two", position = "p2" });
        await client.LogsAsync("a: two");
        (await client.LogAsync()).Where(static line => line.StartsWith("a: ", StringComparison.Ordinal)).Should().Equal("a: one", "a: one", "a: two");
    }

    /// <summary>A render function that unsubscribes and subscribes, and that each message calls.</summary>
    [Fact]
    public async Task A_listener_that_closes_itself_and_listens_again_is_called_once_for_each_message()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake);
        await client.DoAsync(
            "observe(new Notifier()); let held; const render = message => { if (log.length < 100) log.push(message?.data ?? 'first'); held?.close(); held = notifier.channel('a', render); }; render();");
        var connection = await fake.AcceptAsync();
        (await connection.ReadTextAsync()).Should().Be("subscribe a");
        await client.LogsAsync("subscribed a");

        await connection.SendAsync(new { type = "message", channel = "a", data = "one" });
        await connection.SendAsync(new { type = "message", channel = "a", data = "two" });

        await client.LogsAsync("two");
        (await client.LogAsync()).Where(static line => !line.Contains(' ', StringComparison.Ordinal)).Should().Equal("first", "one", "two");
    }

    [Fact]
    public async Task A_listener_that_an_earlier_one_closes_is_not_called()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake);
        await client.DoAsync("observe(new Notifier()); notifier.channel('a', () => second.close()); globalThis.second = notifier.channel('a', hear); notifier.channel('a', hear)");
        var connection = await fake.AcceptAsync();
        await client.LogsAsync("subscribed a");

        await connection.SendAsync(new { type = "message", channel = "a", data = "one" });

        await client.LogsAsync("a: one");
        (await client.LogAsync()).Should().ContainSingle(static line => line == "a: one");
    }

    /// <summary>The server allows 200 commands at once and then 50 a second, and closes a connection that sends more.</summary>
    [Fact]
    public async Task Many_names_are_subscribed_and_unsubscribed_at_a_rate_that_the_server_allows()
    {
        const int Names = 300;
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake, hasOwnClock: true);
        await client.DoAsync($"observe(new Notifier()); globalThis.held = Array.from({{ length: {Names} }}, (_, n) => notifier.channel('a' + n, hear))");
        var connection = await fake.AcceptAsync();
        await client.LogsAsync("state connected");

        (await ReadWhileAdvancingAsync()).Should().Equal(Enumerable.Range(0, Names).Select(static n => $"subscribe a{n}"));
        await client.DoAsync("held.forEach(each => each.close())");
        (await ReadWhileAdvancingAsync()).Should().Equal(Enumerable.Range(0, Names).Select(static n => $"unsubscribe a{n}"));

        async Task<List<string>> ReadWhileAdvancingAsync()
        {
            var commands = new List<string>();
            for (var seconds = 0; commands.Count < Names; seconds++)
            {
                // What the page sends now comes before the answer to this.
                await client.DoAsync("notifier.ping()");
                for (var command = await connection.ReadTextAsync(); command != "ping"; command = await connection.ReadTextAsync())
                    commands.Add(command);
                commands.Count.Should().BeLessThanOrEqualTo(200 + (50 * seconds)).And.BeGreaterThan(30 * (seconds - 1));
                await client.Page.Clock.RunForAsync(1_000);
            }
            return commands;
        }
    }

    [Fact]
    public async Task A_name_closed_while_disconnected_is_subscribed_afresh_later()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake, hasOwnClock: true);
        var connection = await ListenAsync(client, fake);
        await connection.SendAsync(new { type = "message", channel = "a", data = "one", position = "p1" });
        await client.LogsAsync("a: one");
        connection.Abort();
        await client.LogsAsync("state waiting");

        await client.DoAsync("held.close()");
        await client.DoAsync("notifier.channel('a', hear)");
        await client.Page.Clock.RunForAsync(500);

        (await (await fake.AcceptAsync()).ReadTextAsync()).Should().Be("subscribe a");
    }

    [Fact]
    public async Task A_client_without_names_closes_its_connection_after_30_seconds_and_the_next_name_connects_again()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake, hasOwnClock: true);
        var connection = await ListenAsync(client, fake);

        await client.DoAsync("held.close()");
        (await connection.ReadTextAsync()).Should().Be("unsubscribe a");
        await client.Page.Clock.RunForAsync(29_000);
        (await client.LogAsync()).Should().NotContain("state idle");
        await client.Page.Clock.RunForAsync(1_000);
        await client.LogsAsync("state idle");
        await connection.Ended.Task.WaitAsync(Eventually.Limit);
        await client.Page.Clock.RunForAsync(120_000);
        fake.Waiting.Should().Be(0);

        await client.DoAsync("notifier.channel('b', hear)");
        (await (await fake.AcceptAsync()).ReadTextAsync()).Should().Be("subscribe b");
        await client.Page.Clock.RunForAsync(31_000);
        (await client.LogAsync()).Count(static line => line == "state idle").Should().Be(1);
    }

    /// <summary>Next, Nuxt and SvelteKit run the modules of a page on the server too, where there is neither a document nor an address.</summary>
    [Theory]
    [InlineData("")]
    [InlineData("'http://127.0.0.1:1', { shared: true, persist: 'session', token: () => globalThis.asked = true }")]
    public async Task A_client_made_while_a_page_is_rendered_on_a_server_does_nothing(string arguments)
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake);
        await client.DoAsync(
            $$"""
            const source = await (await fetch("/notifier.js")).text(), server = {}, absent = ["document", "location", "navigator", "addEventListener", "sessionStorage"];
            new Function("globalThis", ...absent, source)(server);
            const notifier = new server.Notifier({{arguments}});
            const subscription = notifier.channel("a", hear);
            notifier.pattern("b.*", hear, { last: 5 });
            notifier.connect();
            notifier.ping();
            await new Promise(resolve => setTimeout(resolve));
            subscription.close();
            log.push(`${notifier.state} ${globalThis.asked}`);
            notifier.close();
            log.push(notifier.state);
            """);

        (await client.LogAsync()).Should().Equal("undefined undefined", "closed");
        fake.Waiting.Should().Be(0);
    }

    private static async Task<FakeConnection> ListenAsync(ClientPage client, FakeNotifier fake)
    {
        await client.DoAsync("observe(new Notifier()); globalThis.held = notifier.channel('a', hear)");
        var connection = await fake.AcceptAsync();
        await client.LogsAsync("subscribed a");
        (await connection.ReadTextAsync()).Should().Be("subscribe a");
        return connection;
    }

    private async Task<ClientPage> OpenAsync(FakeNotifier fake, bool hasOwnClock = false) =>
        await ClientPage.OpenAsync(await browser.NewPageAsync(), fake.Address, hasOwnClock);
}
