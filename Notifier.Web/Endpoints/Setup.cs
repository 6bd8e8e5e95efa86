using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Endpoints.Http;
using Notifier.Endpoints.Sessions;

namespace Notifier.Endpoints;

internal static class Setup
{
    public static void AddEndpoints(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<DemoOptions>().BindConfiguration("Demo").ValidateOnStart();
        services.AddKnownSettings<DemoOptions>("Demo");
        services.AddSingleton<DemoPage>();
        services.AddSingleton<RequestGate>();
        services.AddSingleton<ConnectionHost>();
        services.AddSingleton<WebSocketEndpoint>();
        services.AddSingleton<EventsEndpoint>();
        services.AddSingleton<PublishEndpoint>();
        services.AddSingleton<HistoryEndpoint>();
        services.AddSingleton<StatsEndpoint>();
        services.AddSingleton<ClientScripts>();
        services.AddHostedService<DisconnectListener>();
        services.AddOpenApi(ApiDescription.Configure);
        services.ConfigureHttpJsonOptions(static http =>
        {
            var resolvers = http.SerializerOptions.TypeInfoResolverChain;
            resolvers.Insert(0, PublishJson.Default);
            resolvers.Add(DisconnectJson.Default);
            resolvers.Add(HistoryJson.Default);
            resolvers.Add(StatsJson.Default);
            resolvers.Add(DemoJson.Default);
            resolvers.Add(ApiJson.Default);
        });
    }

    public static void MapEndpoints(this WebApplication app)
    {
        app.UseLongAddresses();
        app.UsePlainAddresses();
        app.UseHandshakes();        // after a restart there are thousands at once: they take the shortest way
        app.UseRequestRate();       // all other requests
        app.UseRequestDeadline();
        app.UseLongPreconditions();
        app.UseClientScripts();
        app.UseDemoPage();
        app.UseRouting();
        app.UseRequestGate();
        app.MapWebSockets();
        app.MapEvents();
        app.MapPublish();
        app.MapHistory();
        app.MapClientSnippets();
        app.MapDemoPage();
        app.MapDisconnect();
        app.MapStats();
        app.MapApiDescription();
    }
}
