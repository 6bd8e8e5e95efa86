using System.Collections.Concurrent;
using FluentAssertions;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Browser;

/// <summary>Components add and remove listeners as they render, and errors without a listener reach the console. The test controls the server.</summary>
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

    [Fact]
    public async Task An_error_that_the_page_does_not_handle_is_one_warning_in_the_console()
    {
        await using var fake = await FakeNotifier.StartAsync();
        await using var client = await OpenAsync(fake);
        var console = new ConcurrentQueue<string>();
        client.Page.Console += (_, message) => console.Enqueue($"{message.Type}: {message.Text}");
        await client.DoAsync("globalThis.notifier = new Notifier(); notifier.channel('a', hear)");
        for (var connection = await fake.AcceptAsync(); ; connection = await fake.AcceptAsync())
        {
            connection.Confirms = false;
            var command = await connection.ReadAsync();
            await connection.SendAsync(
                new { type = "error", id = command.GetProperty("id").GetInt64(), channel = "a", code = "forbidden", message = "not allowed: a" });
            await Eventually.IsAsync(() => !console.IsEmpty, "the console shows the error");
            if (fake.Requests.Count(static request => request == "/ws") == 3)
                break;
            connection.Abort();
        }
        fake.ClosesWith = (4403, "origin https://shop.example is not allowed: see Access:AllowedOrigins");
        await client.DoAsync("notifier.connect()");
        await Eventually.IsAsync(() => console.Count >= 2, "the console shows the refusal");

        console.Should().Equal(
            "warning: Notifier: not allowed: a (forbidden a)",
            "warning: Notifier: origin https://shop.example is not allowed: see Access:AllowedOrigins (4403)");
    }

    [Fact]
    public async Task An_error_that_the_page_handles_is_not_in_the_console()
    {
        await using var fake = await FakeNotifier.StartAsync();
        fake.ClosesWith = (4403, "not you");
        await using var client = await OpenAsync(fake);
        var console = new ConcurrentQueue<string>();
        client.Page.Console += (_, message) => console.Enqueue(message.Text);

        await client.DoAsync("observe(new Notifier()); notifier.channel('a', hear)");
        await client.LogsAsync("error 4403");
        await client.DoAsync("console.log('end')");

        await Eventually.IsAsync(() => !console.IsEmpty, "the console shows the last line");
        console.Should().Equal("end");
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
