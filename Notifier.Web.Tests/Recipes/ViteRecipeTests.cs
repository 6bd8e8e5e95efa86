using FluentAssertions;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;
using Microsoft.Playwright;
using Notifier.Tests.Support;
using Xunit;
using static Microsoft.Playwright.Assertions;

namespace Notifier.Tests.Recipes;

/// <summary>The recipes of docs/embedding.md for projects with a bundler, pasted into fresh projects, built by Vite, and opened in a browser.</summary>
public sealed class ViteRecipeTests(BrowserFixture browser, RedisFixture fixture) : IClassFixture<BrowserFixture>, IClassFixture<RedisFixture>
{
    private const string Page = "embedding.md";

    private const int Mounts = 50;

    /// <summary>Counts the open subscriptions of the application's Notifier.</summary>
    private const string Count =
        """
        import { notifier as watched } from "./notifier.js";
        globalThis.open = 0;
        const subscribe = watched.pattern.bind(watched);
        watched.pattern = (...all) => {
          const subscription = subscribe(...all), close = subscription.close;
          let isClosed = false;
          open++;
          subscription.close = () => {
            if (!isClosed) open--;
            isClosed = true;
            close();
          };
          return subscription;
        };
        """;

    /// <summary>For each framework, code that mounts the application again, and returns a function that unmounts it.</summary>
    private static readonly Dictionary<string, (string File, string Code)> Mounting = new()
    {
        ["react"] = ("src/main.jsx",
            "globalThis.mount = place => { const root = createRoot(place); root.render(<StrictMode><App /></StrictMode>); return () => root.unmount(); };"),
        ["vue"] = ("src/main.js",
            "globalThis.mount = place => { const one = createApp(App); one.mount(place); return () => one.unmount(); };"),
        ["svelte"] = ("src/main.js",
            "import { unmount } from 'svelte'; globalThis.mount = place => { const one = mount(App, { target: place }); return () => unmount(one); };"),
    };

    [Theory]
    [InlineData("React", "react")]
    [InlineData("Vue", "vue")]
    [InlineData("Svelte", "svelte")]
    public async Task A_fresh_project_with_the_recipe_shows_messages_over_one_connection_and_appears_without_notifier(string heading, string template)
    {
        var port = FreePort.Next();
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration, port: port);
        using var project = await ViteProject.CreateAsync(template, app.Address);
        await project.PasteAsync(CodeBlock.Under(Page, "The client in a project"));
        await project.PasteAsync(CodeBlock.Under(Page, heading));
        await project.AppendAsync(Mounting[template].File, Count + Mounting[template].Code);
        await project.BuildAsync();
        await using var site = await ServeAsync(project.Folder, "dist");
        var page = await browser.NewPageAsync();
        await page.GotoAsync(site.Urls.First());
        await Expect(page.Locator("h1")).ToHaveTextAsync("My shop");
        await Eventually.IsAsync(async () => await redis.PatternsAsync() == 1, "the page has subscribed");

        await redis.PublishAsync("notifications.new-user", "Mathias signed up");
        await redis.PublishAsync("notifications.new-user", "Konstantin signed up");

        await Expect(page.Locator("li", new() { HasText = "signed up" })).ToHaveTextAsync(["Konstantin signed up", "Mathias signed up"]);
        await MountsShareOneConnectionAsync(page, redis, app);
        await page.CloseAsync();
        await app.StopAsync();
        await Unplugged.ThePageAppearsAsync(browser, new Uri(site.Urls.First()), port);
    }

    /// <summary>vue-router reuses a component when only a part of the address changes.</summary>
    [Fact]
    public async Task A_component_of_the_vue_recipe_follows_its_pattern()
    {
        const string Application =
            """
            <script setup>
            import { ref } from "vue";
            import Notifications from "./components/Notifications.vue";

            const id = ref(1);
            globalThis.show = next => id.value = next;
            </script>

            <template><Notifications :pattern="`orders.${id}.*`" /></template>
            """;
        await using var redis = await RedisServer.StartAsync();
        await using var app = await NotifierApp.StartAsync(redis.Configuration);
        using var project = await ViteProject.CreateAsync("vue", app.Address);
        await project.PasteAsync(CodeBlock.Under(Page, "The client in a project"));
        await project.PasteAsync([.. CodeBlock.Under(Page, "Vue").Where(static block => block.File != "src/App.vue"), new CodeBlock("", "vue", "src/App.vue", Application)]);
        await project.BuildAsync();
        await using var site = await ServeAsync(project.Folder, "dist");
        var page = await browser.NewPageAsync();
        await page.GotoAsync(site.Urls.First());
        await Eventually.IsAsync(async () => await redis.PatternsAsync() == 1, "the page has subscribed");
        await redis.PublishAsync("orders.1.x", "one");
        await Expect(page.Locator("li")).ToHaveTextAsync(["one"]);

        await page.EvaluateAsync("show(2)");

        await Eventually.IsAsync(async () => await redis.PublishAsync("orders.2.x", "two") > 0, "the page has subscribed to the other pattern");
        await Expect(page.Locator("li").First).ToHaveTextAsync("two");
        await page.CloseAsync();
    }

    [Fact]
    public async Task A_fresh_asp_net_core_project_with_the_recipe_shows_messages_and_appears_without_notifier()
    {
        var blocks = CodeBlock.Under(Page, "ASP.NET Core with Vite");
        blocks.Single(static block => block.File == "Program.cs").Text.Should().Be(
            """
            var app = WebApplication.CreateBuilder(args).Build();
            app.UseFileServer();
            app.Run();

            """, "ServeAsync below does the same");
        var port = FreePort.Next();
        await using var app = await NotifierApp.StartAsync(fixture.Redis.Configuration, port: port);
        using var project = await ViteProject.CreateAsync("vanilla", app.Address, "ClientApp");
        await project.PasteAsync(CodeBlock.Under(Page, "The client in a project"));
        await project.PasteAsync(blocks, "ClientApp/");
        await project.BuildAsync();
        await using var site = await ServeAsync(Path.GetDirectoryName(project.Folder)!, "wwwroot");
        var page = await browser.NewPageAsync();
        await page.GotoAsync(site.Urls.First());
        await Eventually.IsAsync(async () => await fixture.Redis.PatternsAsync() == 1, "the page has subscribed");

        await fixture.Redis.PublishAsync("notifications.new-user", "Mathias signed up");

        await Expect(page.Locator("li")).ToHaveTextAsync(["Mathias signed up"]);
        await page.CloseAsync();
        await app.StopAsync();
        await Unplugged.ThePageAppearsAsync(browser, new Uri(site.Urls.First()), port);
    }

    private static async Task MountsShareOneConnectionAsync(IPage page, RedisServer redis, NotifierApp app)
    {
        var before = await page.EvaluateAsync<int>("() => open");
        await page.EvaluateAsync(
            """
            count => globalThis.stops = Array.from({ length: count }, () => {
              const place = document.createElement("div");
              document.body.append(place);
              return mount(place);
            })
            """, Mounts);
        await Eventually.IsAsync(async () => await page.EvaluateAsync<int>("() => open") == before + Mounts, "each mount has subscribed");

        await redis.PublishAsync("notifications.new-user", "to all");

        await Expect(page.Locator("li", new() { HasText = "to all" })).ToHaveCountAsync(1 + Mounts);
        app.Connections.Count.Should().Be(1);
        await page.EvaluateAsync("() => { for (const stop of stops) stop(); }");
        await Eventually.IsAsync(async () => await page.EvaluateAsync<int>("() => open") == before, "each mount has unsubscribed");
    }

    /// <summary>The Program.cs of the recipe.</summary>
    private static async Task<WebApplication> ServeAsync(string folder, string root)
    {
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { ContentRootPath = folder, WebRootPath = root });
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.UseFileServer();
        app.Urls.Add($"http://localhost:{FreePort.Next()}");
        await app.StartAsync();
        return app;
    }
}
